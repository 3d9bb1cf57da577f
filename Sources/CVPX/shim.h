#pragma once

#include <vpx/vpx_encoder.h>
#include <vpx/vp8cx.h>
#include <vpx/vpx_decoder.h>
#include <vpx/vp8dx.h>

// libvpx's ABI-checking macros and variadic controls, which Swift does not import.

static inline vpx_codec_err_t cvpx_vp8_encoder_init(vpx_codec_ctx_t *context, const vpx_codec_enc_cfg_t *config) {
    return vpx_codec_enc_init(context, vpx_codec_vp8_cx(), config, 0);
}
static inline vpx_codec_err_t cvpx_vp8_decoder_init(vpx_codec_ctx_t *context, const vpx_codec_dec_cfg_t *config) {
    return vpx_codec_dec_init(context, vpx_codec_vp8_dx(), config, 0);
}
static inline vpx_codec_err_t cvpx_set_cpu_used(vpx_codec_ctx_t *context, int value) {
    return vpx_codec_control(context, VP8E_SET_CPUUSED, value);
}
static inline vpx_codec_err_t cvpx_set_noise_sensitivity(vpx_codec_ctx_t *context, unsigned value) {
    return vpx_codec_control(context, VP8E_SET_NOISE_SENSITIVITY, value);
}
static inline vpx_codec_err_t cvpx_set_static_threshold(vpx_codec_ctx_t *context, unsigned value) {
    return vpx_codec_control(context, VP8E_SET_STATIC_THRESHOLD, value);
}
static inline vpx_codec_err_t cvpx_set_token_partitions(vpx_codec_ctx_t *context, int log2) {
    return vpx_codec_control(context, VP8E_SET_TOKEN_PARTITIONS, log2);
}
static inline vpx_codec_err_t cvpx_set_max_intra_bitrate(vpx_codec_ctx_t *context, unsigned percent) {
    return vpx_codec_control(context, VP8E_SET_MAX_INTRA_BITRATE_PCT, percent);
}
static inline vpx_codec_err_t cvpx_set_screen_content_mode(vpx_codec_ctx_t *context, unsigned mode) {
    return vpx_codec_control(context, VP8E_SET_SCREEN_CONTENT_MODE, mode);
}
static inline int cvpx_last_quantizer(vpx_codec_ctx_t *context) {
    int quantizer = 0;
    return vpx_codec_control(context, VP8E_GET_LAST_QUANTIZER_64, &quantizer) == VPX_CODEC_OK ? quantizer : -1;
}
// The same before the public scale: VP8's own, 0 to 127 (RFC 6386 section 9.6, y_ac_qi).
static inline int cvpx_last_quantizer_index(vpx_codec_ctx_t *context) {
    int index = 0;
    return vpx_codec_control(context, VP8E_GET_LAST_QUANTIZER, &index) == VPX_CODEC_OK ? index : 0;
}

// The frame in an output packet: a member of an anonymous union. Null for other kinds of packet.
static inline const void *cvpx_packet_frame(const vpx_codec_cx_pkt_t *packet, size_t *size, unsigned *flags) {
    if (packet->kind != VPX_CODEC_CX_FRAME_PKT) return 0;
    *size = packet->data.frame.sz;
    *flags = packet->data.frame.flags;
    return packet->data.frame.buf;
}

static const unsigned cvpx_frame_is_key = VPX_FRAME_IS_KEY;
static const vpx_enc_frame_flags_t cvpx_force_keyframe = VPX_EFLAG_FORCE_KF;
static const unsigned long cvpx_deadline_realtime = VPX_DL_REALTIME;
static const vpx_codec_er_flags_t cvpx_error_resilient_default = VPX_ERROR_RESILIENT_DEFAULT;
