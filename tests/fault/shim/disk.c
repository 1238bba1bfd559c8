/* A disk that is slow, fails or is full, for one process: LD_PRELOAD of this file, and a control file named by
 * FIELDGATE_DISK that may change at any time. One rule a line:
 *
 *     CALL ACTION PATH [TIMES]
 *
 * CALL is fsync (fdatasync too) or write (pwrite, ftruncate, fallocate too). ACTION is EIO, ENOSPC or a delay in ms.
 * PATH is a part of the file's name. After TIMES uses the rule is over; without it, when the line goes away. The file
 * must be replaced by rename: a newer file begins counting anew.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define MOST 16

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct timespec counted;
static int used[MOST];

/* What a call on `fd` meets: an errno, 0 for none. Waits out a delay. Leaves errno as it was. */
static int meets(const char *call, int fd) {
    const char *control = getenv("FIELDGATE_DISK");
    char text[2048], link[64], path[PATH_MAX];
    int before = errno, answer = 0, wait = 0;
    if (!control) return 0;
    int handle = (int)syscall(SYS_openat, AT_FDCWD, control, O_RDONLY | O_CLOEXEC);
    if (handle < 0) {
        errno = before;
        return 0;
    }
    struct stat now;
    fstat(handle, &now);
    ssize_t size = syscall(SYS_read, handle, text, sizeof text - 1);
    syscall(SYS_close, handle);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (size > 0 && length > 0) {
        text[size] = path[length] = 0;
        pthread_mutex_lock(&lock);
        if (memcmp(&now.st_mtim, &counted, sizeof counted)) memset(used, 0, sizeof used);
        counted = now.st_mtim;
        char *rest, *line = strtok_r(text, "\n", &rest);
        for (int rule = 0; line && rule < MOST; rule++, line = strtok_r(NULL, "\n", &rest)) {
            char name[16], action[16], part[1024];
            int times = 0;
            if (sscanf(line, "%15s %15s %1023s %d", name, action, part, &times) < 3) continue;
            if (strcmp(name, call) || !strstr(path, part) || (times && used[rule] >= times)) continue;
            used[rule]++;
            if (!strcmp(action, "EIO")) answer = EIO;
            else if (!strcmp(action, "ENOSPC")) answer = ENOSPC;
            else wait = atoi(action);
        }
        pthread_mutex_unlock(&lock);
    }
    if (wait) nanosleep(&(struct timespec){wait / 1000, (wait % 1000) * 1000000L}, NULL);
    errno = before;
    return answer;
}

#define PASS(type, call, name, parameters, arguments)                          \
    type name parameters {                                                     \
        static type(*real) parameters;                                         \
        if (!real) real = (type(*) parameters)dlsym(RTLD_NEXT, #name);         \
        int wrong = meets(call, fd);                                           \
        if (wrong) {                                                           \
            errno = wrong;                                                     \
            return -1;                                                         \
        }                                                                      \
        return real arguments;                                                 \
    }

PASS(int, "fsync", fsync, (int fd), (fd))
PASS(int, "fsync", fdatasync, (int fd), (fd))
PASS(ssize_t, "write", write, (int fd, const void *data, size_t size), (fd, data, size))
PASS(ssize_t, "write", pwrite, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at))
PASS(ssize_t, "write", pwrite64, (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at))
PASS(int, "write", ftruncate, (int fd, off_t size), (fd, size))
PASS(int, "write", ftruncate64, (int fd, off64_t size), (fd, size))

/* These two answer with the error itself. */
int posix_fallocate(int fd, off_t at, off_t size) {
    static int (*real)(int, off_t, off_t);
    if (!real) real = (int (*)(int, off_t, off_t))dlsym(RTLD_NEXT, "posix_fallocate");
    int wrong = meets("write", fd);
    return wrong ? wrong : real(fd, at, size);
}

int posix_fallocate64(int fd, off64_t at, off64_t size) {
    static int (*real)(int, off64_t, off64_t);
    if (!real) real = (int (*)(int, off64_t, off64_t))dlsym(RTLD_NEXT, "posix_fallocate64");
    int wrong = meets("write", fd);
    return wrong ? wrong : real(fd, at, size);
}
