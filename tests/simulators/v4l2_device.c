/* A V4L2 camera below libc: loaded before it (LD_PRELOAD), this answers open(2), ioctl(2) and select(2) for the device
 * that V4L2_DEVICE names, as a UVC driver does. What is above, OpenCV's V4L2 backend and the agent, is as it is.
 *
 * Files in the folder V4L2_FOLDER say how the camera is: `plugged` (there), `silent` (gives no frames), `refuse-NAME`
 * (has no control NAME: automatic, exposure, gain). Each control that is set is appended to `set` as "NAME VALUE".
 * Frames are YUYV, 640 x 480 or 320 x 240, 50 a second, as bright as exposure and gain make them.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <unistd.h>

enum { BUFFERS = 4, LARGEST = 640 * 480 * 2, PERIOD_US = 20000, MANUAL = V4L2_EXPOSURE_MANUAL };

static struct {
  int fd, streaming, queue[BUFFERS], waiting;
  unsigned width, height, frame, noise;
  int automatic, exposure, gain;
  unsigned char *memory;
} camera = {.fd = -1};

static int is_there(const char *name) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", getenv("V4L2_FOLDER"), name);
  return access(path, F_OK) == 0;
}

static int fails(int number) {
  errno = number;
  return -1;
}

static int plug_in(void) {
  if (!is_there("plugged")) return fails(ENOENT);
  int fd = memfd_create("camera", MFD_CLOEXEC);
  if (fd < 0 || ftruncate(fd, BUFFERS * LARGEST) != 0) return -1;
  if (camera.memory != NULL) munmap(camera.memory, BUFFERS * LARGEST);
  memset(&camera, 0, sizeof camera);
  camera.fd = fd;
  camera.width = 640, camera.height = 480;
  camera.automatic = V4L2_EXPOSURE_APERTURE_PRIORITY, camera.exposure = 100;
  camera.memory = mmap(NULL, BUFFERS * LARGEST, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  return fd;
}

static int is_ours(const char *path) {
  const char *device = getenv("V4L2_DEVICE");
  return device != NULL && path != NULL && strcmp(path, device) == 0;
}

#define OPEN(NAME)                                                                              \
  int NAME(const char *path, int flags, ...) {                                                  \
    static int (*real)(const char *, int, ...);                                                 \
    va_list more;                                                                               \
    va_start(more, flags);                                                                      \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;                     \
    va_end(more);                                                                               \
    if (is_ours(path)) return plug_in();                                                        \
    if (real == NULL) real = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, #NAME);          \
    return real(path, flags, mode);                                                             \
  }
OPEN(open)
OPEN(open64)

int close(int fd) {
  static int (*real)(int);
  if (real == NULL) real = (int (*)(int))dlsym(RTLD_NEXT, "close");
  if (fd >= 0 && fd == camera.fd) camera.fd = -1;
  return real(fd);
}

int select(int count, fd_set *reads, fd_set *writes, fd_set *errors, struct timeval *limit) {
  static int (*real)(int, fd_set *, fd_set *, fd_set *, struct timeval *);
  if (real == NULL) real = (int (*)(int, fd_set *, fd_set *, fd_set *, struct timeval *))dlsym(RTLD_NEXT, "select");
  if (camera.fd < 0 || reads == NULL || !FD_ISSET(camera.fd, reads) || !is_there("silent"))
    return real(count, reads, writes, errors, limit);
  real(0, NULL, NULL, NULL, limit);
  FD_ZERO(reads);
  return 0;
}

static void expose(unsigned char *to) {
  float light = camera.exposure / 100.0f * powf(10.0f, camera.gain / 200.0f);
  for (unsigned y = 0; y < camera.height; y++)
    for (unsigned x = 0; x < camera.width; x++, to += 2) {
      camera.noise = camera.noise * 1664525u + 1013904223u;
      float value = (40 + 60 * ((x / 16 + y / 16) % 2)) * light + (camera.noise >> 30);
      to[0] = value > 255 ? 255 : (unsigned char)value;
      to[1] = 128;
    }
}

static void note(const char *name, int value) {
  char path[4096];
  snprintf(path, sizeof path, "%s/set", getenv("V4L2_FOLDER"));
  FILE *file = fopen(path, "a");
  if (file == NULL) return;
  fprintf(file, "%s %d\n", name, value);
  fclose(file);
}

enum { AUTOMATIC, EXPOSURE, GAIN, CONTROLS };
static const struct { unsigned id; const char *name, *refused; int low, high, normal; } controls[CONTROLS] = {
    {V4L2_CID_EXPOSURE_AUTO, "automatic", "refuse-automatic", 0, 3, 3},
    {V4L2_CID_EXPOSURE_ABSOLUTE, "exposure", "refuse-exposure", 1, 500, 100},
    {V4L2_CID_GAIN, "gain", "refuse-gain", 0, 240, 0},
};

static int which(unsigned id) {
  for (int i = 0; i < CONTROLS; i++)
    if (controls[i].id == id && !is_there(controls[i].refused)) return i;
  return fails(EINVAL);
}

static int control(struct v4l2_control *asked, int set) {
  int *values[CONTROLS] = {&camera.automatic, &camera.exposure, &camera.gain}, i = which(asked->id);
  if (i < 0) return -1;
  if (!set) return asked->value = *values[i], 0;
  if (i == EXPOSURE && camera.automatic != MANUAL) return fails(EACCES);
  if (asked->value < controls[i].low) asked->value = controls[i].low;
  if (asked->value > controls[i].high) asked->value = controls[i].high;
  note(controls[i].name, *values[i] = asked->value);
  return 0;
}

static int query(struct v4l2_queryctrl *asked) {
  int i = which(asked->id);
  if (i < 0) return -1;
  unsigned id = asked->id;
  memset(asked, 0, sizeof *asked);
  asked->id = id, asked->type = i == AUTOMATIC ? V4L2_CTRL_TYPE_MENU : V4L2_CTRL_TYPE_INTEGER;
  asked->minimum = controls[i].low, asked->maximum = controls[i].high;
  asked->step = 1, asked->default_value = controls[i].normal;
  return 0;
}

static void describe(struct v4l2_pix_format *format) {
  camera.width = format->width != 0 && format->width <= 320 ? 320 : 640;
  camera.height = camera.width == 320 ? 240 : 480;
  format->width = camera.width, format->height = camera.height;
  format->pixelformat = V4L2_PIX_FMT_YUYV, format->field = V4L2_FIELD_NONE;
  format->bytesperline = camera.width * 2, format->sizeimage = camera.width * camera.height * 2;
  format->colorspace = V4L2_COLORSPACE_SRGB;
}

static int take(struct v4l2_buffer *buffer) {
  if (!is_there("plugged")) return fails(ENODEV);
  if (camera.waiting == 0 || is_there("silent")) return fails(EAGAIN);
  usleep(PERIOD_US);
  buffer->index = camera.queue[0];
  memmove(camera.queue, camera.queue + 1, --camera.waiting * sizeof camera.queue[0]);
  expose(camera.memory + (size_t)buffer->index * LARGEST);
  buffer->bytesused = camera.width * camera.height * 2;
  buffer->length = LARGEST, buffer->sequence = camera.frame++, buffer->memory = V4L2_MEMORY_MMAP;
  buffer->flags = V4L2_BUF_FLAG_DONE;
  return 0;
}

static int answer(unsigned long request, void *about) {
  if (!is_there("plugged")) return fails(ENODEV);
  switch (request) {
    case VIDIOC_QUERYCAP: {
      struct v4l2_capability *found = about;
      memset(found, 0, sizeof *found);
      strcpy((char *)found->driver, "uvcvideo"), strcpy((char *)found->card, "Line camera");
      found->device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
      found->capabilities = found->device_caps | V4L2_CAP_DEVICE_CAPS;
      return 0;
    }
    case VIDIOC_G_INPUT: return *(int *)about = 0, 0;
    case VIDIOC_S_INPUT: return *(int *)about == 0 ? 0 : fails(EINVAL);
    case VIDIOC_ENUMINPUT: {
      struct v4l2_input *input = about;
      if (input->index != 0) return fails(EINVAL);
      strcpy((char *)input->name, "Camera 1");
      return input->type = V4L2_INPUT_TYPE_CAMERA, 0;
    }
    case VIDIOC_S_FMT:
      if (camera.streaming) return fails(EBUSY);
      /* fall through */
    case VIDIOC_G_FMT:
    case VIDIOC_TRY_FMT: {
      struct v4l2_format *format = about;
      if (request == VIDIOC_G_FMT) format->fmt.pix.width = camera.width;
      return describe(&format->fmt.pix), 0;
    }
    case VIDIOC_G_PARM:
    case VIDIOC_S_PARM: {
      struct v4l2_streamparm *parm = about;
      parm->parm.capture.timeperframe.numerator = 1, parm->parm.capture.timeperframe.denominator = 50;
      return parm->parm.capture.capability = V4L2_CAP_TIMEPERFRAME, 0;
    }
    case VIDIOC_REQBUFS: {
      struct v4l2_requestbuffers *wanted = about;
      if (wanted->memory != V4L2_MEMORY_MMAP) return fails(EINVAL);
      if (wanted->count > BUFFERS) wanted->count = BUFFERS;
      return camera.waiting = 0;
    }
    case VIDIOC_QUERYBUF: {
      struct v4l2_buffer *buffer = about;
      if (buffer->index >= BUFFERS) return fails(EINVAL);
      return buffer->length = LARGEST, buffer->m.offset = buffer->index * LARGEST, 0;
    }
    case VIDIOC_QBUF: {
      struct v4l2_buffer *buffer = about;
      if (buffer->index >= BUFFERS || camera.waiting >= BUFFERS) return fails(EINVAL);
      return camera.queue[camera.waiting++] = buffer->index, 0;
    }
    case VIDIOC_DQBUF: return take(about);
    case VIDIOC_STREAMON: return camera.streaming = 1, 0;
    case VIDIOC_STREAMOFF: return camera.streaming = camera.waiting = 0;
    case VIDIOC_QUERYCTRL: return query(about);
    case VIDIOC_G_CTRL: return control(about, 0);
    case VIDIOC_S_CTRL: return control(about, 1);
    default: return fails(ENOTTY);
  }
}

int ioctl(int fd, unsigned long request, ...) {
  static int (*real)(int, unsigned long, ...);
  va_list more;
  va_start(more, request);
  void *about = va_arg(more, void *);
  va_end(more);
  if (fd >= 0 && fd == camera.fd) return answer((unsigned int)request, about);
  if (real == NULL) real = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
  return real(fd, request, about);
}
