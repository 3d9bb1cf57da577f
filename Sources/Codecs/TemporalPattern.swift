import CVPX
import Primitives

/// Which pictures refer to which, so that upper temporal layers can be left out without harm.
///
///     2 layers          3 layers
///     1    ┌──1   ┌──1      2  ┌──2     ┌──2
///          │      │            │  ┌──1──┘ (golden)
///     0  ──0──────0──       0──0──┴────────0──
///
/// The base layer is a chain through the last-frame buffer. In three layers the middle one leaves its picture in
/// the golden buffer for the upper one after it. Upper layers leave no trace otherwise, their entropy state included.
enum TemporalPattern {
    struct Step {
        var layer: TemporalLayer
        var flags: vpx_enc_frame_flags_t
    }

    static func step(_ picture: Int, layers: Int) -> Step {
        switch layers {
        case 2: two[picture % two.count]
        case 3: three[picture % three.count]
        default: Step(layer: TemporalLayer(id: 0, isSync: false), flags: 0)
        }
    }

    private static let base =
        cvpx_no_ref_golden | cvpx_no_ref_alternate | cvpx_no_update_golden | cvpx_no_update_alternate
    private static let disposable =
        cvpx_no_update_last | cvpx_no_update_golden | cvpx_no_update_alternate
        | cvpx_no_update_entropy | cvpx_no_ref_alternate

    private static let two = [
        Step(layer: TemporalLayer(id: 0, isSync: false), flags: base),
        Step(layer: TemporalLayer(id: 1, isSync: true), flags: disposable | cvpx_no_ref_golden),
    ]
    private static let three = [
        Step(layer: TemporalLayer(id: 0, isSync: false), flags: base),
        Step(layer: TemporalLayer(id: 2, isSync: true), flags: disposable | cvpx_no_ref_golden),
        Step(
            layer: TemporalLayer(id: 1, isSync: true),
            flags: cvpx_no_ref_golden | cvpx_no_ref_alternate | cvpx_no_update_last | cvpx_no_update_alternate
                | cvpx_no_update_entropy),
        Step(layer: TemporalLayer(id: 2, isSync: false), flags: disposable),
    ]

    /// Tells the rate control how the bitrate is shared: cumulative, the base layer 60 or 40 percent.
    static func fill(_ config: inout vpx_codec_enc_cfg_t, layers: Int) {
        let total = config.rc_target_bitrate
        config.ts_number_layers = UInt32(layers)
        switch layers {
        case 2:
            config.ts_periodicity = 2
            config.ts_target_bitrate = (total * 6 / 10, total, 0, 0, 0)
            config.ts_rate_decimator = (2, 1, 0, 0, 0)
            config.ts_layer_id = (0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        case 3:
            config.ts_periodicity = 4
            config.ts_target_bitrate = (total * 4 / 10, total * 6 / 10, total, 0, 0)
            config.ts_rate_decimator = (4, 2, 1, 0, 0)
            config.ts_layer_id = (0, 2, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        default:
            config.ts_periodicity = 0
            config.ts_target_bitrate = (0, 0, 0, 0, 0)
            config.ts_rate_decimator = (0, 0, 0, 0, 0)
            config.ts_layer_id = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        }
    }
}
