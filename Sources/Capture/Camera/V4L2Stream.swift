import CV4L2
import Glibc
import Reactor

/// A device that streams: the driver's buffers in our address space, and the pictures that run through them.
///
/// Letting go of it stops the stream, unmaps the buffers and then closes the device.
struct V4L2Stream: ~Copyable {
    private struct Mapping {
        var start: UnsafeMutableRawPointer
        var length: Int
    }

    let device: V4L2Device
    private var mappings: [Mapping]

    var count: Int { mappings.count }

    /// Requests buffers, maps and queues them, and starts the stream.
    init(takingOwnershipOf device: consuming V4L2Device, count: UInt32) throws(CaptureError) {
        self.device = device
        mappings = []
        var request = v4l2_requestbuffers()
        request.count = count
        request.type = V4L2_BUF_TYPE_VIDEO_CAPTURE.rawValue
        request.memory = V4L2_MEMORY_MMAP.rawValue
        try self.device.require(cv4l2_reqbufs, &request, "VIDIOC_REQBUFS")
        guard request.count >= 2 else {
            throw .system(device: self.device.path, SystemError("VIDIOC_REQBUFS", ENOMEM))
        }
        for index in 0..<request.count {
            var buffer = v4l2_buffer()
            buffer.index = index
            buffer.type = V4L2_BUF_TYPE_VIDEO_CAPTURE.rawValue
            buffer.memory = V4L2_MEMORY_MMAP.rawValue
            try self.device.require(cv4l2_querybuf, &buffer, "VIDIOC_QUERYBUF")
            let start = v4l2_mmap(
                nil, Int(buffer.length), PROT_READ | PROT_WRITE, MAP_SHARED, self.device.descriptor,
                Int64(buffer.m.offset))
            let code = errno
            guard let start, start != MAP_FAILED else { throw V4L2Device.error(code, "mmap", self.device.path) }
            mappings.append(Mapping(start: start, length: Int(buffer.length)))
            try self.device.require(cv4l2_qbuf, &buffer, "VIDIOC_QBUF")
        }
        var type = Int32(V4L2_BUF_TYPE_VIDEO_CAPTURE.rawValue)
        try self.device.require(cv4l2_streamon, &type, "VIDIOC_STREAMON")
    }

    deinit {
        var type = Int32(V4L2_BUF_TYPE_VIDEO_CAPTURE.rawValue)
        // Fails when the device has gone; the memory is unmapped all the same.
        _ = cv4l2_ioctl(device.descriptor, cv4l2_streamoff, &type)
        for mapping in mappings { v4l2_munmap(mapping.start, mapping.length) }
    }

    /// What the driver wrote into a dequeued buffer. Its index must be below `count`.
    func bytes(of buffer: v4l2_buffer) -> UnsafeRawBufferPointer {
        let mapping = mappings[Int(buffer.index)]
        return UnsafeRawBufferPointer(start: mapping.start, count: min(Int(buffer.bytesused), mapping.length))
    }

    /// Lets the driver fill a buffer again.
    func give(back index: UInt32) -> Result<Void, CaptureError> {
        var buffer = v4l2_buffer()
        buffer.index = index
        buffer.type = V4L2_BUF_TYPE_VIDEO_CAPTURE.rawValue
        buffer.memory = V4L2_MEMORY_MMAP.rawValue
        switch device.call(cv4l2_qbuf, &buffer) {
        case .success: return .success(())
        case .failure(let code): return .failure(V4L2Device.error(code, "VIDIOC_QBUF", device.path))
        }
    }
}
