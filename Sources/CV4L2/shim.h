#pragma once

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <linux/videodev2.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <libv4l2.h>

/* The library prints its errors to stderr by itself where it has no other place; ours are values, and the log is ours to write. */
static inline void cv4l2_silence(void) {
    if (!v4l2_log_file) { v4l2_log_file = fopen("/dev/null", "we"); }
}

/* Request numbers and four-character codes are macros with casts in them, which do not cross into Swift. */
static const unsigned long cv4l2_querycap = VIDIOC_QUERYCAP;
static const unsigned long cv4l2_enum_fmt = VIDIOC_ENUM_FMT;
static const unsigned long cv4l2_enum_framesizes = VIDIOC_ENUM_FRAMESIZES;
static const unsigned long cv4l2_enum_frameintervals = VIDIOC_ENUM_FRAMEINTERVALS;
static const unsigned long cv4l2_s_fmt = VIDIOC_S_FMT;
static const unsigned long cv4l2_g_parm = VIDIOC_G_PARM;
static const unsigned long cv4l2_s_parm = VIDIOC_S_PARM;
static const unsigned long cv4l2_reqbufs = VIDIOC_REQBUFS;
static const unsigned long cv4l2_querybuf = VIDIOC_QUERYBUF;
static const unsigned long cv4l2_qbuf = VIDIOC_QBUF;
static const unsigned long cv4l2_dqbuf = VIDIOC_DQBUF;
static const unsigned long cv4l2_streamon = VIDIOC_STREAMON;
static const unsigned long cv4l2_streamoff = VIDIOC_STREAMOFF;

static const unsigned int cv4l2_fmt_yuyv = V4L2_PIX_FMT_YUYV;
static const unsigned int cv4l2_fmt_uyvy = V4L2_PIX_FMT_UYVY;
static const unsigned int cv4l2_fmt_nv12 = V4L2_PIX_FMT_NV12;
static const unsigned int cv4l2_fmt_yuv420 = V4L2_PIX_FMT_YUV420;
static const unsigned int cv4l2_fmt_mjpeg = V4L2_PIX_FMT_MJPEG;
static const unsigned int cv4l2_fmt_jpeg = V4L2_PIX_FMT_JPEG;

static const unsigned int cv4l2_cap_video_capture = V4L2_CAP_VIDEO_CAPTURE;
static const unsigned int cv4l2_cap_video_m2m = V4L2_CAP_VIDEO_M2M;
static const unsigned int cv4l2_cap_streaming = V4L2_CAP_STREAMING;
static const unsigned int cv4l2_cap_device_caps = V4L2_CAP_DEVICE_CAPS;
static const unsigned int cv4l2_cap_timeperframe = V4L2_CAP_TIMEPERFRAME;
static const unsigned int cv4l2_buf_error = V4L2_BUF_FLAG_ERROR;
static const unsigned int cv4l2_buf_timestamp_mask = V4L2_BUF_FLAG_TIMESTAMP_MASK;
static const unsigned int cv4l2_buf_timestamp_monotonic = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;

/* The variadic ones. */
static inline int cv4l2_ioctl(int fd, unsigned long request, void *argument) {
    return v4l2_ioctl(fd, request, argument);
}
static inline int cv4l2_plain_ioctl(int fd, unsigned long request, void *argument) {
    return ioctl(fd, request, argument);
}
static inline int cv4l2_open(const char *path) { return open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC); }

static inline int64_t cv4l2_timestamp_nanoseconds(const struct v4l2_buffer *buffer) {
    return (int64_t)buffer->timestamp.tv_sec * 1000000000 + (int64_t)buffer->timestamp.tv_usec * 1000;
}
