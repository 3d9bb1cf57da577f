import Glibc
import JSON
import Media
import Primitives
import Reactor

/// What pictures look like: how bright, how varied, whether they change, how often they come.
struct Exposure: Sendable {
    private var count = 0
    private var first: Instant?
    private var last: Instant?
    private var mean = 0.0
    private var deviation = 0.0
    private var previous: PictureSample?
    private var changed = 0
    /// So many pictures in a row.
    private var (blackFor, coveredFor) = (0, 0)

    init() {}

    mutating func add(_ picture: borrowing VideoFrame) {
        let judged = PictureSample(picture)
        blackFor = judged.isBlack ? blackFor + 1 : 0
        coveredFor = judged.isCovered ? coveredFor + 1 : 0
        if let previous, !judged.repeats(previous) { changed += 1 }
        previous = judged
        let samples = Exposure.sample(picture)
        mean = samples.reduce(0) { $0 + Double($1) } / Double(samples.count)
        let middle = mean
        deviation = (samples.reduce(0) { $0 + (Double($1) - middle) * (Double($1) - middle) } / Double(samples.count))
            .squareRoot()
        first = first ?? picture.captureTime
        last = picture.captureTime
        count += 1
    }

    /// Luma on a coarse grid.
    private static func sample(_ picture: borrowing VideoFrame) -> [UInt8] {
        let (width, height, stride) = (picture.width, picture.height, picture.stride)
        return picture.withUnsafePlanes { y, _, _ in
            var samples: [UInt8] = []
            samples.reserveCapacity(64 * 48)
            for row in 0..<min(48, height) {
                for column in 0..<min(64, width) {
                    samples.append(y[(row * height / min(48, height)) * stride + column * width / min(64, width)])
                }
            }
            return samples
        }
    }

    private var framesPerSecond: Double {
        guard let first, let last, count > 1, last > first else { return 0 }
        return Double(count - 1) / (last - first).seconds
    }

    var facts: JSONObject {
        var facts = JSONObject()
        facts["frames"] = .integer(count)
        facts["framesPerSecond"] = .double((framesPerSecond * 10).rounded() / 10)
        facts["brightness"] = .double(mean.rounded())
        facts["contrast"] = .double((deviation * 10).rounded() / 10)
        facts["changed"] = .integer(changed)
        return facts
    }

    func finding(_ format: String, wantedRate: Double, facts: JSONObject) -> Finding {
        let seen = "\(format), really \((framesPerSecond * 10).rounded() / 10) frames/s"
        // By the rules of the running agent, and not for a hand that moves past the lens.
        if blackFor > 5, blackFor * 2 > count {
            return Finding(
                .warning, "\(seen), black", why: "monitors see nothing",
                remedy: "look for a cover, a shutter or dirt on the lens, and for light", facts: facts)
        }
        if coveredFor > 5, coveredFor * 2 > count {
            return Finding(
                .warning, "\(seen), one even colour: hardly anything can be told apart", why: "monitors see nothing",
                remedy: "look for something in front of the lens", facts: facts)
        }
        // Sensors are never quite still: not one grey level in two seconds means that pictures are repeated.
        if count > 5, changed == 0 {
            return Finding(
                .warning, "\(seen), always the same picture", why: "the camera may be frozen",
                remedy: "unplug it and plug it again", facts: facts)
        }
        if framesPerSecond < wantedRate * 0.7 {
            return Finding(
                .warning, "\(seen), \(Int(wantedRate)) are configured", why: "the picture is less smooth",
                remedy: "more light, or another format: MJPEG needs less of the USB's bandwidth", facts: facts)
        }
        return .ok(seen, facts: facts)
    }
}

/// How loud it is.
struct SoundLevel: Sendable {
    private var sound = SoundSample()

    init() {}

    mutating func add(_ samples: Span<Int16>) { sound.append(SoundSample(samples)) }

    /// Decibels below full scale.
    private static func decibels(_ value: Double) -> Double { value <= 0 ? -120 : 20 * log10(value / 32_768) }
    private var loudness: Double { SoundLevel.decibels(sound.power.squareRoot()) }

    var facts: JSONObject {
        var facts = JSONObject()
        facts["peakDecibels"] = .double((SoundLevel.decibels(Double(sound.peak)) * 10).rounded() / 10)
        facts["loudnessDecibels"] = .double((loudness * 10).rounded() / 10)
        facts["clippedSamples"] = .integer(sound.clipped)
        return facts
    }

    func finding(_ name: String, overruns: Int = 0, facts: JSONObject) -> Finding {
        let seen =
            "\(name), loudness \(Int(loudness.rounded())) dB, peak \(Int(SoundLevel.decibels(Double(sound.peak)).rounded())) dB"
        if sound.isDead {
            return Finding(
                .warning, "\(name), complete silence", why: "monitors hear nothing",
                remedy: "\(MediaCondition.mixer): capture may be muted; check the plug", facts: facts)
        }
        if sound.isQuiet {
            return Finding(
                .warning, "\(seen), nearly silent", why: "monitors hear next to nothing",
                remedy: "\(MediaCondition.mixer): raise the capture level", facts: facts)
        }
        if sound.isClipped {
            return Finding(
                .warning, "\(seen), clipping", why: "speech is distorted",
                remedy: "\(MediaCondition.mixer): lower the capture level",
                facts: facts)
        }
        if overruns > 0 {
            return Finding(
                .warning, "\(seen), \(overruns) overruns in a second",
                why: "sound is lost where the machine is too slow",
                remedy: "see the checks of encoder and temperature; end other programs", facts: facts)
        }
        return .ok(seen, facts: facts)
    }
}
