internal import Database
internal import Primitives
internal import SessionRules

extension StoreWorker {
    /// Writes down what the hub decided.
    func perform(_ request: Hub.StoreRequest) {
        switch request {
        case .crew(let record, let reply):
            submit(onFailure: .crewFailed(reply)) { store throws(DatabaseError) in
                .crewStored(record, isNew: try store.log(record), reply)
            }
        case .sessionBegan(let session):
            submit(onFailure: .sessionNotStored(session.id)) { store throws(DatabaseError) in
                try store.sessionBegan(session)
                return .sessionStored(session.id)
            }
        case .sessionNegotiated(let id, let at):
            submit { store throws(DatabaseError) in
                try store.sessionNegotiated(id, at: at)
                return nil
            }
        case .sessionMoved(let id, let client):
            submit { store throws(DatabaseError) in
                try store.sessionMoved(id, toClient: client)
                return nil
            }
        case .sessionReported(let report, let at):
            submit { store throws(DatabaseError) in
                try store.sessionReported(report, at: at)
                return nil
            }
        case .sessionEnded(let id, let reason, let actor, let at):
            submit { store throws(DatabaseError) in
                try store.sessionEnded(id, reason, by: actor, at: at)
                return nil
            }
        case .audit(let entry):
            submit { store throws(DatabaseError) in
                try store.append(entry)
                return nil
            }
        case .kioskRegistered(let id, let version, let hostname):
            submit { store throws(DatabaseError) in
                try store.registered(id, version: version, hostname: hostname)
                return nil
            }
        case .lastSeen(let kiosks):
            submit { store throws(DatabaseError) in
                try store.seen(kiosks)
                return nil
            }
        }
    }
}
