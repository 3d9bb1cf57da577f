import CLinux
import Glibc

/// How the C library's allocator keeps memory.
public enum MemoryPolicy {
    /// For a program of a few threads whose large blocks live as long as a session: with a fixed threshold each of them is
    /// mapped on its own and goes back to the system when it is freed, and with few arenas the rest is found again by the
    /// next session, whichever thread asks. Call it before the first thread.
    public static func returnLargeBlocks() {
        mallopt(M_MMAP_THRESHOLD, 128 * 1024)
        mallopt(M_ARENA_MAX, 2)
    }
}
