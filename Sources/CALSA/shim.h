#pragma once

#include <alsa/asoundlib.h>

/* The library prints its errors to stderr by itself; ours are values, and the log is ours to write. */
static inline void calsa_say_nothing(
    const char *file, int line, const char *function, int error, const char *format, ...) {
    (void)file, (void)line, (void)function, (void)error, (void)format;
}
static inline void calsa_silence(void) { snd_lib_error_set_handler(calsa_say_nothing); }

/* Parameter sets are opaque: their size is known to the library only. */
static inline snd_pcm_hw_params_t *calsa_hw_params(void) {
    snd_pcm_hw_params_t *params = 0;
    return snd_pcm_hw_params_malloc(&params) < 0 ? 0 : params;
}
static inline snd_pcm_sw_params_t *calsa_sw_params(void) {
    snd_pcm_sw_params_t *params = 0;
    return snd_pcm_sw_params_malloc(&params) < 0 ? 0 : params;
}
