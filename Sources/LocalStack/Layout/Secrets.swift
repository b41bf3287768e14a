import FoundationEssentials
import Glibc

/// Random passwords, one file each, mode 0600.
enum Secrets {
    /// The secret in the file; made when the file is not there.
    static func ensure(_ path: String, _ account: StackAccount) throws -> String {
        if let there = try Files.readIfThere(path)?.trimmed, !there.isEmpty {
            return there
        }
        let secret = try random()
        try Files.write(secret + "\n", to: path, mode: 0o600, account)
        return secret
    }

    /// 192 bits from the kernel, as 48 hexadecimal digits: no character that any configuration file must escape.
    private static func random() throws -> String {
        var bytes = [UInt8](repeating: 0, count: 24)
        let descriptor = open("/dev/urandom", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw LocalStackError.system("Cannot open /dev/urandom", errno) }
        defer { close(descriptor) }
        let count = bytes.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
        guard count == bytes.count else { throw LocalStackError.system("Cannot read /dev/urandom", errno) }
        let digits = Array("0123456789abcdef")
        return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }
}
