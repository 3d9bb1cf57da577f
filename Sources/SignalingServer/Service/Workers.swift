internal import Configuration
internal import Primitives
internal import Reactor
internal import Records
internal import RecordsSQLite

/// The threads on which the serving one lets others wait: for the disk, for lists, for passwords.
struct Workers {
    let records: RecordsThread
    let lists: ListsThread
    let passwords: PasswordWorker

    /// Those that have begun are stopped where one cannot.
    init(_ opened: consuming SQLiteRecords, _ configuration: ServerConfiguration, _ inbox: Inbox, now: WallClock) throws
    {
        let passwords = try PasswordWorker()
        self.passwords = passwords
        do {
            lists = try ListsThread(try SQLiteRecords(configuration.database, .readOnly, now: now), inbox: inbox)
        } catch {
            passwords.stop()
            throw error
        }
        do {
            records = try RecordsThread(
                opened,
                RecordsThread.Settings(
                    file: configuration.database, retention: configuration.retention.periods,
                    leastSpace: configuration.limits.freeSpace.bytes), inbox: inbox)
        } catch {
            passwords.stop()
            lists.stop()
            throw error
        }
    }

    /// Returns when what was asked of the records is kept.
    func stop() {
        passwords.stop()
        lists.stop()
        records.stop()
    }

    func write(to page: inout MetricsPage, database: String) {
        page.gauge("kiosk_signaling_records_waiting", "Jobs that wait for the records.", records.waiting)
        page.gauge("kiosk_signaling_lists_waiting", "Lists and exports that wait to be read.", lists.waiting)
        if let free = FreeSpace.bytes(besideFile: database) {
            page.gauge("kiosk_signaling_free_bytes", "Room on the disk of the records.", free)
        }
        page.histogram(
            "kiosk_signaling_store_seconds", "From a job's submission to its end in the records.", records.latency)
    }
}
