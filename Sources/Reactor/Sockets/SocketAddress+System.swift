import CLinux
import Glibc
import Primitives

extension SocketAddress {
    /// The size of the kernel's form of this address's family.
    var systemSize: socklen_t {
        switch address {
        case .v4: socklen_t(MemoryLayout<sockaddr_in>.size)
        case .v6: socklen_t(MemoryLayout<sockaddr_in6>.size)
        }
    }

    var family: Int32 { address.isIPv4 ? AF_INET : AF_INET6 }

    /// Writes the kernel's form.
    func write(to storage: inout sockaddr_storage) {
        withUnsafeMutableBytes(of: &storage) { bytes in
            switch address {
            case .v4(let value):
                var system = sockaddr_in()
                system.sin_family = sa_family_t(AF_INET)
                system.sin_port = port.bigEndian
                system.sin_addr.s_addr = value.bigEndian
                bytes.storeBytes(of: system, as: sockaddr_in.self)
            case .v6(let high, let low):
                var system = sockaddr_in6()
                system.sin6_family = sa_family_t(AF_INET6)
                system.sin6_port = port.bigEndian
                withUnsafeMutableBytes(of: &system.sin6_addr) { octets in
                    octets.storeBytes(of: high.bigEndian, toByteOffset: 0, as: UInt64.self)
                    octets.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
                }
                bytes.storeBytes(of: system, as: sockaddr_in6.self)
            }
        }
    }

    /// Reads the kernel's form; nil for other families.
    init?(_ system: UnsafePointer<sockaddr>) {
        let raw = UnsafeRawPointer(system)
        switch Int32(system.pointee.sa_family) {
        case AF_INET:
            let value = raw.loadUnaligned(as: sockaddr_in.self)
            self.init(address: .v4(UInt32(bigEndian: value.sin_addr.s_addr)), port: UInt16(bigEndian: value.sin_port))
        case AF_INET6:
            let value = raw.loadUnaligned(as: sockaddr_in6.self)
            let address = withUnsafeBytes(of: value.sin6_addr) { octets in
                IPAddress.v6(
                    high: UInt64(bigEndian: octets.loadUnaligned(as: UInt64.self)),
                    low: UInt64(bigEndian: octets.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
            }
            self.init(address: address, port: UInt16(bigEndian: value.sin6_port))
        default: return nil
        }
    }

    /// Reads the kernel's form; nil for other families.
    init?(_ storage: inout sockaddr_storage) {
        let address = withUnsafePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { SocketAddress($0) }
        }
        guard let address else { return nil }
        self = address
    }

    /// Calls `body` with the kernel's form.
    func withSystem<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
        var storage = sockaddr_storage()
        write(to: &storage)
        return withUnsafePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, systemSize) }
        }
    }
}

/// Calls that fill in an address.
enum SystemAddress {
    /// The address a socket is bound to.
    static func local(_ descriptor: Int32) -> Outcome<SocketAddress> { read(descriptor, getsockname) }

    /// The address a socket is connected to.
    static func peer(_ descriptor: Int32) -> Outcome<SocketAddress> { read(descriptor, getpeername) }

    private static func read(
        _ descriptor: Int32,
        _ function: (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) -> Outcome<SocketAddress> {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let outcome = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { system in
                Syscall.call { function(descriptor, system, &size) }
            }
        }
        switch outcome {
        case .failure(let code): return .failure(code)
        case .success:
            guard let address = SocketAddress(&storage) else { return .failure(EAFNOSUPPORT) }
            return .success(address)
        }
    }
}
