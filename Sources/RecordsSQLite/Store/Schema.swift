internal import Database
internal import Primitives
internal import Records
internal import SessionRules
internal import Signaling

enum Schema {
    /// "KSIG" in the file's header.
    static let applicationID: Int32 = 0x4B53_4947

    /// Times are milliseconds since 1970. Nothing is ever dropped by a step.
    static let migrations = [
        Migration(
            """
            CREATE TABLE account (
              id TEXT PRIMARY KEY,
              role TEXT NOT NULL CHECK (role IN ('kiosk', 'monitor', 'admin')),
              organization TEXT NOT NULL,
              display_name TEXT NOT NULL,
              password_hash TEXT NOT NULL,
              is_disabled INTEGER NOT NULL DEFAULT 0,
              created_at INTEGER NOT NULL,
              last_seen_at INTEGER,
              tokens_valid_from INTEGER NOT NULL
            ) STRICT, WITHOUT ROWID;

            CREATE TABLE signing_key (
              sequence INTEGER PRIMARY KEY AUTOINCREMENT,
              id TEXT NOT NULL UNIQUE,
              jwk TEXT NOT NULL,
              created_at INTEGER NOT NULL,
              retired_at INTEGER
            ) STRICT;

            CREATE TABLE token_family (
              id TEXT PRIMARY KEY,
              account TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
              created_at INTEGER NOT NULL,
              revoked_at INTEGER
            ) STRICT, WITHOUT ROWID;
            CREATE INDEX token_family_revoked ON token_family (revoked_at) WHERE revoked_at IS NOT NULL;
            CREATE INDEX token_family_account ON token_family (account);

            CREATE TABLE refresh_token (
              hash BLOB PRIMARY KEY,
              family TEXT NOT NULL REFERENCES token_family (id) ON DELETE CASCADE,
              expires_at INTEGER NOT NULL,
              used_at INTEGER
            ) STRICT, WITHOUT ROWID;
            CREATE INDEX refresh_token_family ON refresh_token (family);
            CREATE INDEX refresh_token_expiry ON refresh_token (expires_at);

            CREATE TABLE session (
              sequence INTEGER PRIMARY KEY AUTOINCREMENT,
              id TEXT NOT NULL UNIQUE,
              organization TEXT NOT NULL,
              kiosk TEXT NOT NULL,
              monitor TEXT NOT NULL,
              started_at INTEGER NOT NULL,
              negotiated_at INTEGER,
              media_started_at INTEGER,
              first_frame_ms INTEGER,
              media_stopped_at INTEGER,
              ended_at INTEGER,
              end_reason TEXT
            ) STRICT;
            CREATE INDEX session_open ON session (sequence) WHERE ended_at IS NULL;
            CREATE INDEX session_organization ON session (organization, sequence);
            CREATE INDEX session_ended ON session (ended_at);

            CREATE TABLE crew_event (
              sequence INTEGER PRIMARY KEY AUTOINCREMENT,
              organization TEXT NOT NULL,
              kiosk TEXT NOT NULL,
              event_id TEXT NOT NULL,
              kind TEXT NOT NULL CHECK (kind IN ('crew-sign-on', 'crew-sign-off')),
              crew_id TEXT NOT NULL,
              name TEXT,
              role TEXT,
              train TEXT,
              occurred_at TEXT NOT NULL,
              received_at INTEGER NOT NULL,
              UNIQUE (kiosk, event_id)
            ) STRICT;
            CREATE INDEX crew_event_organization ON crew_event (organization, sequence);
            CREATE INDEX crew_event_received ON crew_event (received_at);

            CREATE TABLE audit (
              sequence INTEGER PRIMARY KEY,
              at INTEGER NOT NULL,
              organization TEXT NOT NULL,
              kind TEXT NOT NULL,
              actor TEXT NOT NULL,
              subject TEXT NOT NULL,
              details TEXT NOT NULL,
              hash BLOB NOT NULL
            ) STRICT;
            CREATE INDEX audit_organization ON audit (organization, sequence);
            CREATE INDEX audit_at ON audit (at);

            -- Where the chain begins: the last row that retention has taken, or nothing yet.
            CREATE TABLE audit_anchor (
              id INTEGER PRIMARY KEY CHECK (id = 1),
              sequence INTEGER NOT NULL,
              hash BLOB NOT NULL
            ) STRICT;
            INSERT INTO audit_anchor VALUES (1, 0, zeroblob(32));
            """),
        // What a kiosk says about its own clock at the time of an event: `corrected`, `doubtful`, or nothing.
        Migration("ALTER TABLE crew_event ADD COLUMN clock TEXT"),
        // Which client of the monitor carries a session: after a restart only that one speaks for it.
        Migration("ALTER TABLE session ADD COLUMN client TEXT"),
        // What a refresh token was traded for, and whether another one has taken its place because the answer was lost.
        Migration(
            """
            ALTER TABLE refresh_token ADD COLUMN parent BLOB;
            ALTER TABLE refresh_token ADD COLUMN replaced_at INTEGER;
            CREATE INDEX refresh_token_parent ON refresh_token (parent) WHERE parent IS NOT NULL;
            """),
        Migration(
            """
            -- Which access tokens are the account's: a random number; 0 in accounts of before.
            ALTER TABLE account ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
            -- What the kiosk said of itself when it last registered.
            ALTER TABLE account ADD COLUMN version TEXT;
            ALTER TABLE account ADD COLUMN hostname TEXT;

            -- Addresses from which an account logged in before, of IPv6 their /64; the latest has the highest sequence.
            CREATE TABLE login_home (
              account TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
              address TEXT NOT NULL,
              sequence INTEGER NOT NULL,
              PRIMARY KEY (account, address)
            ) STRICT, WITHOUT ROWID;

            -- When the wall clock was last believed.
            CREATE TABLE clock (
              id INTEGER PRIMARY KEY CHECK (id = 1),
              believed_at INTEGER NOT NULL
            ) STRICT;
            INSERT INTO clock SELECT 1, max(at) FROM audit HAVING max(at) IS NOT NULL;
            """),
        // How many tokens a family was given of late.
        Migration(
            """
            DROP INDEX refresh_token_family;
            CREATE INDEX refresh_token_family ON refresh_token (family, expires_at);
            """),
        // A kiosk has one open session. All sessions of this table are live ones.
        Migration(
            preparing: endSupersededSessions,
            "CREATE UNIQUE INDEX session_open_kiosk ON session (kiosk) WHERE ended_at IS NULL"),
        Migration(
            """
            -- What an account keeps for the pages that it uses, as JSON text.
            CREATE TABLE preference (
              account TEXT PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
              document BLOB NOT NULL,
              revision INTEGER NOT NULL
            ) STRICT;
            """),
    ]

    /// Of several open sessions of a kiosk the latest stays; the others ended when the next one began at the latest, and nobody wrote it
    /// down. By the schema of the sixth step.
    private static func endSupersededSessions(in database: inout Database) throws(DatabaseError) {
        let superseded = try database.query(
            """
            SELECT sequence, id, organization, kiosk, monitor, started_at,
              (SELECT started_at FROM session n WHERE n.kiosk = s.kiosk AND n.sequence > s.sequence
               ORDER BY n.sequence LIMIT 1) AS next_at
            FROM session s WHERE ended_at IS NULL AND EXISTS
              (SELECT 1 FROM session n WHERE n.kiosk = s.kiosk AND n.ended_at IS NULL AND n.sequence > s.sequence)
            ORDER BY sequence
            """
        ) { row throws(DatabaseError) in
            let startedAt = WallClock(milliseconds: try row.integer("started_at"))
            return (
                session: SessionRecord(
                    sequence: try row.integer("sequence"), id: try row.text("id"),
                    organization: try row.text("organization"), kioskId: try row.text("kiosk"),
                    monitorId: try row.text("monitor"), startedAt: startedAt),
                endedAt: max(startedAt, WallClock(milliseconds: try row.integer("next_at")))
            )
        }
        for (session, endedAt) in superseded {
            let reason = SessionEndReason.serverShutdown
            try database.execute(
                "UPDATE session SET ended_at = ?, end_reason = ? WHERE sequence = ?", endedAt.milliseconds,
                reason.rawValue, session.sequence)
            try AuditTable.append(.monitoringStopped(session, reason, by: .server, at: endedAt), in: &database)
        }
    }
}
