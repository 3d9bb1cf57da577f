import Glibc

/// A throw-away certificate authority made with the openssl command.
struct Authority {
    let directory: String
    var caFile: String { directory + "/ca.pem" }

    init() throws {
        directory = "/tmp/authority-" + String(UInt64.random(in: 0 ... .max), radix: 36)
        guard mkdir(directory, 0o700) == 0 else { throw Failure("mkdir \(directory)") }
        try run(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem "
                + "-days 30 -subj /CN=Test-CA")
    }

    func remove() { _ = try? run("rm -r '\(directory)'") }

    /// A certificate for a name; `from` and `to` are days from today.
    func certificate(
        _ name: String, subjectAlternativeName: String, from: Int = -1, to: Int = 30
    ) throws -> (certificate: String, key: String) {
        let base = "\(name)-\(UInt32.random(in: 0 ... .max))"
        try run(
            "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout \(base).key -out \(base).csr "
                + "-subj /CN=\(name)")
        let configuration = """
            [ca]
            default_ca = default
            [default]
            database = \(base).db
            new_certs_dir = .
            serial = \(base).serial
            default_md = sha256
            policy = any
            x509_extensions = extensions
            [any]
            commonName = supplied
            [extensions]
            subjectAltName = \(subjectAlternativeName)
            """
        try run("cat > \(base).cnf <<'END'\n\(configuration)\nEND\n: > \(base).db; echo 01 > \(base).serial")
        try run(
            "openssl ca -batch -config \(base).cnf -in \(base).csr -out \(base).pem -keyfile ca.key -cert ca.pem "
                + "-startdate \(date(from)) -enddate \(date(to)) -notext")
        return ("\(directory)/\(base).pem", "\(directory)/\(base).key")
    }

    func copy(_ source: String, over destination: String) throws { try run("cp '\(source)' '\(destination)'") }

    private func date(_ days: Int) -> String {
        var seconds = time(nil) + days * 86400
        var parts = tm()
        gmtime_r(&seconds, &parts)
        var text = [CChar](repeating: 0, count: 32)
        let count = strftime(&text, text.count, "%Y%m%d%H%M%SZ", &parts)
        return String(decoding: text[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private func run(_ command: String) throws {
        guard let pipe = popen("(cd '\(directory)' && \(command)) 2>&1", "r") else { throw Failure("popen") }
        var output: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = fread(&buffer, 1, buffer.count, pipe)
            guard count > 0 else { break }
            output += buffer[..<count]
        }
        guard pclose(pipe) == 0 else { throw Failure("\(command): \(String(decoding: output, as: UTF8.self))") }
    }
}
