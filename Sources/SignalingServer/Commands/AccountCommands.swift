internal import Configuration
internal import Database
internal import JSON
internal import Primitives
internal import Reactor
internal import Service
internal import SessionRules
internal import Signaling

enum AccountCommands {
    static func add(_ invocation: Invocation) throws(CommandFailure) {
        let id = invocation["ID"] ?? ""
        let organization = invocation["--organization"] ?? ""
        let name = invocation["--display-name"] ?? id
        guard let role = Role(rawValue: invocation["--role"] ?? "") else {
            preconditionFailure("commands: the parser lets a role through that does not exist")
        }
        for (what, broken) in [
            ("ID", AccountRule.id(id)), ("--organization", AccountRule.organization(organization)),
            ("--display-name", AccountRule.displayName(name)),
        ] {
            if let broken { throw CommandFailure(.usage, "\(what) \(broken)") }
        }
        var store = try SignalingCommands.open(invocation, .mayCreate)
        let password = try password(invocation, confirming: true)
        let now = SystemWallClock.now()
        let account = Account(
            id: id, role: role, organization: organization, displayName: name, createdAt: now, tokensValidFrom: now,
            generation: Account.newGeneration())
        try checked { () throws(RecordError) in
            try store.add(account, password: PasswordHash(of: password), actor: actor)
        }
        Terminal.print("\(role.rawValue) \(id) added to \(organization)")
    }

    static func list(_ invocation: Invocation) throws(CommandFailure) {
        var store = try SignalingCommands.open(invocation, .readOnly)
        var accounts: [Account] = []
        try checked { () throws(RecordError) in
            accounts = try recording { () throws(DatabaseError) in try store.accounts() }
        }
        if invocation["--format"] == "json" {
            let list = JSONValue.array(accounts.map(\.json))
            return Terminal.print(String(decoding: list.jsonText, as: UTF8.self))
        }
        let rows =
            [["ID", "ROLE", "ORGANIZATION", "STATE", "LAST SEEN", "VERSION", "HOST", "NAME"]]
            + accounts.map { account in
                [
                    account.id, account.role.rawValue, account.organization,
                    account.isDisabled ? "disabled" : "enabled", account.lastSeenAt?.text ?? "-",
                    account.version ?? "-", account.hostname ?? "-", account.displayName,
                ]
            }
        Terminal.print(Terminal.table(rows), terminator: "")
    }

    static func setPassword(_ invocation: Invocation) throws(CommandFailure) {
        let id = invocation["ID"] ?? ""
        var store = try SignalingCommands.open(invocation)
        let password = try password(invocation, confirming: true)
        try checked { () throws(RecordError) in
            try store.setPassword(id, PasswordHash(of: password), actor: actor, now: SystemWallClock.now())
        }
        Terminal.print("password of \(id) changed")
    }

    static func setDisabled(_ invocation: Invocation, _ isDisabled: Bool) throws(CommandFailure) {
        let id = invocation["ID"] ?? ""
        var store = try SignalingCommands.open(invocation)
        try checked { () throws(RecordError) in
            try store.setDisabled(id, isDisabled, actor: actor, now: SystemWallClock.now())
        }
        Terminal.print("\(id) \(isDisabled ? "disabled" : "enabled")")
    }

    static func remove(_ invocation: Invocation) throws(CommandFailure) {
        let id = invocation["ID"] ?? ""
        var store = try SignalingCommands.open(invocation)
        try checked { () throws(RecordError) in try store.remove(id, actor: actor, now: SystemWallClock.now()) }
        Terminal.print("\(id) removed")
    }

    static let actor = "cli"

    private static func checked(_ body: () throws(RecordError) -> Void) throws(CommandFailure) {
        do throws(RecordError) { try body() } catch { throw CommandFailure(.failed, error.description) }
    }

    private static func password(
        _ invocation: Invocation, confirming: Bool
    ) throws(CommandFailure) -> Redacted<String> {
        let text: String
        switch invocation["--password-file"] {
        case "-"?: text = Terminal.readLine()
        case let file?:
            do throws(Credentials.ReadError) {
                text = try Credentials.readSecret(at: file)
            } catch {
                throw CommandFailure(.failed, "password file \(file): \(error.description)")
            }
        case nil:
            guard let typed = Terminal.askSecretly("Password: ") else {
                throw CommandFailure(.usage, "--password-file is missing, and there is no terminal to ask on")
            }
            if confirming, Terminal.askSecretly("Again: ") != typed {
                throw CommandFailure(.failed, "the two passwords differ")
            }
            text = typed
        }
        if let broken = AccountRule.password(text) { throw CommandFailure(.failed, "the password \(broken)") }
        return Redacted(text)
    }
}

extension Account {
    /// As lists show it.
    var json: JSONValue {
        [
            "id": .string(id), "role": .string(role.rawValue), "organization": .string(organization),
            "displayName": .string(displayName), "disabled": .bool(isDisabled), "createdAt": .string(createdAt.text),
            "lastSeen": lastSeenAt.map { .string($0.text) } ?? .null,
            "version": version.map { .string($0) } ?? .null, "hostname": hostname.map { .string($0) } ?? .null,
        ]
    }

    /// As `/api/me` shows it to its own holder, who learns here what the server speaks.
    var ownJSON: JSONValue {
        guard case .object(var members) = json else { return json }
        members["protocol"] = .integer(SignalingProtocol.version)
        return .object(members)
    }
}
