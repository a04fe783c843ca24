/* Stands in for the kernel's dma-heap where there is none, by LD_PRELOAD: its buffers are anonymous shared memory.
 *
 * Opening a heap gives a descriptor that asks nothing of the kernel; the request to allocate from it makes the memory;
 * what programs ask of the buffers (names, cache synchronization) is granted without doing anything.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char heaps[] = "/dev/dma_heap/";

static int open_any(const char *path, int flags, mode_t mode)
{
	if (strncmp(path, heaps, sizeof(heaps) - 1) == 0)
		path = "/dev/null";
	return syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
	va_list rest;
	va_start(rest, flags);
	mode_t mode = va_arg(rest, mode_t);
	va_end(rest);
	return open_any(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	va_list rest;
	va_start(rest, flags);
	mode_t mode = va_arg(rest, mode_t);
	va_end(rest);
	return open_any(path, flags | O_LARGEFILE, mode);
}

static int allocate(struct dma_heap_allocation_data *request)
{
	int memory = memfd_create("dma-heap", MFD_CLOEXEC);
	if (memory < 0)
		return -1;
	if (ftruncate(memory, request->len) < 0) {
		close(memory);
		return -1;
	}
	request->fd = memory;
	return 0;
}

int ioctl(int descriptor, unsigned long request, ...)
{
	va_list rest;
	va_start(rest, request);
	void *argument = va_arg(rest, void *);
	va_end(rest);
	/* Callers sign-extend the number in different ways. */
	if ((unsigned int)request == (unsigned int)DMA_HEAP_IOCTL_ALLOC)
		return allocate(argument);
	if (_IOC_TYPE(request) == DMA_BUF_BASE)
		return 0;
	return syscall(SYS_ioctl, descriptor, request, argument);
}
