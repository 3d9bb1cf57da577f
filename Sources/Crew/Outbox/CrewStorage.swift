import AgentSettings
import Database
import Primitives
import Reactor
import Signaling

/// The outbox's file, and room on the disk that belongs to crew events.
///
/// The room lies inside the database and its log: pages that were written once and are free. A full disk takes nothing
/// of it away, and no other program can: an event is written over them. There is room for some ten thousand events.
struct CrewStorage: ~Copyable, Sendable {
    var outbox: CrewOutbox
    private let directory: String
    /// Where a damaged outbox was put. It is kept for a technician, who may recover its events, and the kiosk goes on with
    /// a new one.
    let damaged: String?

    static let reserve = 4 << 20
    /// The disk must have so much before room is taken for events that have not happened.
    private static let margin = 16 << 20
    /// With less than this the disk is called full: other programs already fail to write.
    private static let full = 1 << 20

    init(_ path: String, wall: WallClock) throws(DatabaseError) {
        directory = StateDirectory.parent(of: path)
        do throws(DatabaseError) {
            outbox = try CrewOutbox(.file(path), random: .system)
            damaged = nil
        } catch {
            let aside = "\(path).damaged-\(wall.secondsSince1970)"
            guard error.kind == .corrupt, (try? FileSystem.rename(path, to: aside)) != nil else { throw error }
            // What belongs to it goes with it; a new file must not find it.
            for suffix in ["-wal", "-shm"] { try? FileSystem.rename(path + suffix, to: aside + suffix) }
            outbox = try CrewOutbox(.file(path), random: .system)
            damaged = aside
        }
        keepRoom()
    }

    /// Whether other programs have no room left on the disk.
    var diskIsFull: Bool { freeBytes.map { $0 < CrewStorage.full } ?? false }

    /// Takes room for events to come, when the disk has plenty. What does not work now works later.
    mutating func keepRoom() {
        guard let freeBytes, freeBytes > CrewStorage.reserve + CrewStorage.margin else { return }
        try? outbox.keepRoom(bytes: CrewStorage.reserve)
    }

    private var freeBytes: Int? {
        (try? FileSystem.volume(of: directory)).map { Int($0.freeBytes) }
    }
}
