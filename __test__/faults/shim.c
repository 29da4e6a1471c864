/* LD_PRELOAD: lets the n-th file-system call of a kind below a folder go wrong.
 *
 *   FAULT_DIR   only calls on paths below this folder count
 *   FAULT_IN    only processes whose command line has this text count; absent: all
 *   FAULT       CALL:N:WHAT, WHAT being the number of an errno, "kill" or "short" (read, write); N 0: each one
 *   FAULT_LOG   a file to which the name of each call that counts is appended
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static int is_counted_process(void) {
  static int known = -1;
  if (known >= 0) return known;
  const char *text = getenv("FAULT_IN");
  char line[8192] = {0};
  int file = syscall(SYS_openat, AT_FDCWD, "/proc/self/cmdline", O_RDONLY);
  ssize_t size = syscall(SYS_read, file, line, sizeof line - 1);
  syscall(SYS_close, file);
  for (ssize_t at = 0; at + 1 < size; at++) if (line[at] == 0) line[at] = ' ';
  return known = text == NULL || strstr(line, text) != NULL;
}

static int is_below(const char *path) {
  const char *folder = getenv("FAULT_DIR");
  return path != NULL && folder != NULL && strncmp(path, folder, strlen(folder)) == 0;
}

static int is_fd_below(int fd) {
  char link[64], path[PATH_MAX + 1] = {0};
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  return syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX) > 0 && is_below(path);
}

/* 0: go on; -1: fail, errno is set; -2: read or write only a part. */
static int fault(const char *call, int is_ours) {
  static struct { const char *call; int count; } counts[16];
  if (!is_ours || !is_counted_process()) return 0;
  const char *log = getenv("FAULT_LOG");
  if (log != NULL) {
    char line[64];
    int size = snprintf(line, sizeof line, "%s\n", call);
    int file = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    syscall(SYS_write, file, line, size);
    syscall(SYS_close, file);
  }
  int place = 0;
  while (counts[place].call != NULL && strcmp(counts[place].call, call) != 0) place++;
  counts[place].call = call;
  int number = __atomic_add_fetch(&counts[place].count, 1, __ATOMIC_SEQ_CST);
  const char *wish = getenv("FAULT");
  char wanted[32], what[32];
  int wanted_number;
  if (wish == NULL || sscanf(wish, "%31[^:]:%d:%31s", wanted, &wanted_number, what) != 3) return 0;
  if (strcmp(wanted, call) != 0 || (wanted_number != 0 && wanted_number != number)) return 0;
  if (strcmp(what, "kill") == 0) kill(getpid(), SIGKILL);
  if (strcmp(what, "short") == 0) return -2;
  errno = atoi(what);
  return -1;
}

#define REAL(name, ...) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))(__VA_ARGS__)
#define PATH_CALL(name, parameters, ...)                      \
  int name parameters {                                       \
    if (fault(#name, is_below(path)) == -1) return -1;        \
    return REAL(name, __VA_ARGS__);                           \
  }
#define FD_CALL(name, kind, parameters, ...)                  \
  int name parameters {                                       \
    if (fault(kind, is_fd_below(fd)) == -1) return -1;        \
    return REAL(name, __VA_ARGS__);                           \
  }
#define OPEN(name)                                            \
  int name(const char *path, int flags, ...) {                \
    va_list rest;                                             \
    va_start(rest, flags);                                    \
    mode_t mode = va_arg(rest, mode_t);                       \
    va_end(rest);                                             \
    if (fault("open", is_below(path)) == -1) return -1;       \
    return REAL(name, path, flags, mode);                     \
  }
#define TRANSFER(name, kind, parameters, size, ...)                    \
  ssize_t name parameters {                                   \
    int wrong = fault(kind, is_fd_below(fd));              \
    if (wrong == -1) return -1;                               \
    if (wrong == -2 && size > 1) size = size / 2;             \
    return REAL(name, __VA_ARGS__);                           \
  }

OPEN(open)
OPEN(open64)
PATH_CALL(rename, (const char *path, const char *to), path, to)
PATH_CALL(unlink, (const char *path), path)
PATH_CALL(mkdir, (const char *path, mode_t mode), path, mode)
PATH_CALL(rmdir, (const char *path), path)
FD_CALL(fsync, "fsync", (int fd), fd)
FD_CALL(fdatasync, "fsync", (int fd), fd)
FD_CALL(flock, "flock", (int fd, int operation), fd, operation)
TRANSFER(write, "write", (int fd, const void *bytes, size_t size), size, fd, bytes, size)
TRANSFER(pwrite, "write", (int fd, const void *bytes, size_t size, off_t at), size, fd, bytes, size, at)
TRANSFER(pwrite64, "write", (int fd, const void *bytes, size_t size, off64_t at), size, fd, bytes, size, at)
TRANSFER(writev, "write", (int fd, const struct iovec *parts, int count), count, fd, parts, count)
TRANSFER(read, "read", (int fd, void *bytes, size_t size), size, fd, bytes, size)
TRANSFER(pread, "read", (int fd, void *bytes, size_t size, off_t at), size, fd, bytes, size, at)
TRANSFER(pread64, "read", (int fd, void *bytes, size_t size, off64_t at), size, fd, bytes, size, at)
TRANSFER(readv, "read", (int fd, const struct iovec *parts, int count), count, fd, parts, count)
