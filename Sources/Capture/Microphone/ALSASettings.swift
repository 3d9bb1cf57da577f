import CALSA
import Glibc
import Reactor

/// What a PCM was set to.
struct ALSASettings {
    var rate: Int
    var channels: Int
    /// Frames per interrupt, of `rate`.
    var periodSize: Int
    var hasMonotonicTime: Bool

    /// Sets 16-bit little endian interleaved, as near to 48 kHz mono as the device goes, 20 ms periods, 320 ms buffer.
    init(configuring pcm: OpaquePointer, _ name: String) throws(CaptureError) {
        guard let hardware = calsa_hw_params(), let software = calsa_sw_params() else {
            throw .system(device: name, SystemError("snd_pcm_hw_params_malloc", ENOMEM))
        }
        defer {
            snd_pcm_hw_params_free(hardware)
            snd_pcm_sw_params_free(software)
        }
        func require(_ status: Int32, _ operation: String) throws(CaptureError) {
            guard status < 0 else { return }
            // EINVAL: the device cannot do what was asked; ALSA says no more than that.
            if status == -EINVAL { throw .unsupported(device: name, found: "\(operation) refused") }
            throw ALSAMicrophone.error(status, operation, name, isOpening: true)
        }

        try require(snd_pcm_hw_params_any(pcm, hardware), "snd_pcm_hw_params_any")
        try require(snd_pcm_hw_params_set_rate_resample(pcm, hardware, 1), "rate resampling")
        try require(
            snd_pcm_hw_params_set_access(pcm, hardware, SND_PCM_ACCESS_RW_INTERLEAVED), "interleaved access")
        try require(snd_pcm_hw_params_set_format(pcm, hardware, SND_PCM_FORMAT_S16_LE), "16-bit samples")
        var channels: UInt32 = 1
        try require(snd_pcm_hw_params_set_channels_near(pcm, hardware, &channels), "channel count")
        var rate = UInt32(AudioFrame.sampleRate)
        try require(snd_pcm_hw_params_set_rate_near(pcm, hardware, &rate, nil), "sample rate")
        guard (1...32).contains(channels), (8_000...192_000).contains(rate) else {
            throw .unsupported(device: name, found: "\(channels) channels at \(rate) samples/s")
        }
        var period = snd_pcm_uframes_t(rate / 50)
        try require(snd_pcm_hw_params_set_period_size_near(pcm, hardware, &period, nil), "period size")
        var buffer = period * 16
        try require(snd_pcm_hw_params_set_buffer_size_near(pcm, hardware, &buffer), "buffer size")
        try require(snd_pcm_hw_params(pcm, hardware), "snd_pcm_hw_params")
        try require(snd_pcm_hw_params_get_period_size(hardware, &period, nil), "period size")

        try require(snd_pcm_sw_params_current(pcm, software), "snd_pcm_sw_params_current")
        try require(snd_pcm_sw_params_set_avail_min(pcm, software, period), "wake-up threshold")
        // Without time stamps the capture time is the time of reading, which is good enough to speak.
        let isStamping =
            snd_pcm_sw_params_set_tstamp_mode(pcm, software, SND_PCM_TSTAMP_ENABLE) >= 0
            && snd_pcm_sw_params_set_tstamp_type(pcm, software, SND_PCM_TSTAMP_TYPE_MONOTONIC) >= 0
        try require(snd_pcm_sw_params(pcm, software), "snd_pcm_sw_params")

        self.rate = Int(rate)
        self.channels = Int(channels)
        periodSize = max(1, Int(period))
        hasMonotonicTime = isStamping
    }
}
