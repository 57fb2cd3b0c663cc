// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a device sees of each kind of user memory, and of memfds.
 *
 * Memory is mapped for a device to read, often while the process may not write
 * it yet; then the process writes, and the device must see it. So a page that
 * stands in for the process's own (the zero page, a page of a file mapped
 * privately) must not be what was pinned.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "edu.h"
#include "lib/file.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/pci.h"
#include "lib/tap.h"
#include "lib/vfio_cdev.h"

#define IOVA		0x50000000ULL
#define IOVA_BOUNCE	0x40000000ULL
#define NPAGES		8u
#define BYTES		(NPAGES * PAGE_BYTES)
#define HUGE_BYTES	0x200000ul
#define SAMPLE		64u
#define NR_HUGEPAGES	"/proc/sys/vm/nr_hugepages"

static volatile uint8_t *regs;
static uint8_t *bounce;
static int iommufd, ioas;

static int map_for(const volatile void *mem, uint64_t bytes, uint32_t access)
{
	uint64_t iova = IOVA;

	return ioas_map(iommufd, ioas, mem, bytes, &iova, IOMMU_IOAS_MAP_FIXED_IOVA | access);
}

static int map_read(const volatile void *mem, uint64_t bytes)
{
	return map_for(mem, bytes, IOMMU_IOAS_MAP_READABLE);
}

static int map_write(const volatile void *mem, uint64_t bytes)
{
	return map_for(mem, bytes, MAP_RW);
}

static int map_file(int fd, uint64_t start, uint64_t bytes, uint32_t access)
{
	uint64_t iova = IOVA;

	return ioas_map_file(iommufd, ioas, fd, start, bytes, &iova,
			     IOMMU_IOAS_MAP_FIXED_IOVA | access);
}

static int unmap(void)
{
	return ioas_unmap(iommufd, ioas, IOVA, 1ULL << 30, NULL);
}

/* Does the device read these bytes at an offset of the mapping? */
static bool device_sees(uint64_t offset, const volatile uint8_t *bytes)
{
	memset(bounce, 0xee, SAMPLE);
	return !edu_load(regs, IOVA + offset, SAMPLE) &&
	       !edu_store(regs, IOVA_BOUNCE, SAMPLE) &&
	       !memcmp(bounce, (const uint8_t *)bytes, SAMPLE);
}

static uint8_t *memory(size_t bytes, int prot, int flags, int fd)
{
	void *mem = mmap(NULL, bytes, prot, flags | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);

	if (mem == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	if (bytes < HUGE_BYTES)
		madvise(mem, bytes, MADV_NOHUGEPAGE);
	return mem;
}

static int file(void)
{
	int fd = memfd_create("memory", 0);
	uint8_t page[PAGE_BYTES];
	unsigned int i;

	for (i = 0; i < NPAGES; i++) {
		page_fill(page, sizeof(page), i);
		if (write(fd, page, sizeof(page)) != sizeof(page))
			exit(1);
	}
	return fd;
}

/* The process writes to its first and last page, and the device must see it. */
static void expect_written(uint8_t *mem, const char *what)
{
	uint8_t *last = mem + BYTES - PAGE_BYTES;

	mprotect(mem, BYTES, PROT_READ | PROT_WRITE);
	page_fill(mem, PAGE_BYTES, 77);
	page_fill(last, PAGE_BYTES, 78);
	tap_ok(device_sees(0, mem) && device_sees(BYTES - PAGE_BYTES, last),
	       "%s: the device sees what is written after the map", what);
	tap_ok(!unmap(), "%s: unmap", what);
}

static void test_private(void)
{
	uint8_t *mem = memory(BYTES, PROT_READ, MAP_PRIVATE, -1);
	volatile uint8_t zero;
	int fd = file();
	uint8_t byte;

	tap_ok(!map_read(mem, BYTES), "read-only memory that was never touched");
	expect_written(mem, "untouched");

	mem = memory(BYTES, PROT_READ, MAP_PRIVATE, -1);
	zero = mem[0] | mem[BYTES - 1];
	tap_ok(!zero && !map_read(mem, BYTES), "read-only memory that is the zero page");
	expect_written(mem, "zero page");

	mem = memory(BYTES, PROT_READ, MAP_PRIVATE, fd);
	zero = mem[0] | mem[BYTES - 1];
	tap_ok(!map_read(mem, BYTES), "a file mapped privately and read-only");
	expect_written(mem, "private file");
	tap_ok(pread(fd, &byte, 1, 1) == 1 && byte == 7, "private file: the file is as it was");
	close(fd);
}

static void test_shared(void)
{
	int fd = file();
	uint8_t *mem = memory(BYTES, PROT_READ, MAP_SHARED, fd);

	tap_ok(!map_read(mem, BYTES), "a file mapped shared and read-only");
	tap_ok(pwrite(fd, "news", 4, PAGE_BYTES) == 4 && !memcmp(mem + PAGE_BYTES, "news", 4) &&
	       device_sees(PAGE_BYTES, mem + PAGE_BYTES),
	       "the device sees what is written to the file");
	tap_ok(!unmap(), "unmap");
	tap_ok(map_write(mem, BYTES) == -EFAULT, "a device may not write to it");

	ftruncate(fd, BYTES - PAGE_BYTES);
	tap_ok(map_read(mem, BYTES) == -EFAULT, "memory behind the end of a file");
	close(fd);
}

static void test_refused(void)
{
	uint8_t *mem = memory(BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE, -1);

	memset(mem, 1, BYTES);
	tap_ok(!map_write((void *)regs, PAGE_BYTES) && !unmap(),
	       "registers of a device are no memory, but can be mapped");
	mprotect(mem + PAGE_BYTES, PAGE_BYTES, PROT_READ);
	tap_ok(map_write(mem, BYTES) == -EFAULT, "a read-only page among writable ones, to write");
	tap_ok(!map_read(mem, BYTES), "the same, to read");
	expect_written(mem, "mixed");
	mprotect(mem + PAGE_BYTES, PAGE_BYTES, PROT_NONE);
	tap_ok(map_read(mem, BYTES) == -EFAULT, "a page that the process may not read");
	munmap(mem + PAGE_BYTES, PAGE_BYTES);
	tap_ok(map_read(mem, BYTES) == -EFAULT, "a hole");
	tap_ok(map_read(mem, PAGE_BYTES) == 0 && !unmap(), "memory before the hole");
}

/* Pinned memory stays the parent's when a child shares it. */
static void test_fork(void)
{
	uint8_t *mem = memory(BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE, -1);
	int status;
	pid_t pid;

	page_fill(mem, BYTES, 3);
	tap_ok(!map_read(mem, BYTES), "memory of a process that forks");
	pid = fork();
	if (!pid) {
		page_fill(mem, BYTES, 4);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	tap_ok(device_sees(0, mem), "the device does not see what the child writes");
	expect_written(mem, "fork");
}

/* Pages inside a huge page change places: first and last prove nothing. */
static void test_swapped(void)
{
	uint8_t *area = memory(2 * HUGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE, -1);
	uint8_t *mem = (uint8_t *)(((uintptr_t)area + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1));
	uint8_t *spare = memory(PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE, -1);
	uint8_t *a = mem + 100 * PAGE_BYTES, *b = mem + 300 * PAGE_BYTES;
	int move = MREMAP_MAYMOVE | MREMAP_FIXED;

	madvise(mem, HUGE_BYTES, MADV_HUGEPAGE);
	page_fill(mem, HUGE_BYTES, 5);
	page_fill(a, PAGE_BYTES, 6);
	page_fill(b, PAGE_BYTES, 7);
	if (mremap(a, PAGE_BYTES, PAGE_BYTES, move, spare) == MAP_FAILED ||
	    mremap(b, PAGE_BYTES, PAGE_BYTES, move, a) == MAP_FAILED ||
	    mremap(spare, PAGE_BYTES, PAGE_BYTES, move, b) == MAP_FAILED)
		exit(1);
	tap_ok(!map_read(mem, HUGE_BYTES), "a huge page with two pages swapped");
	tap_ok(device_sees(a - mem, a) && device_sees(b - mem, b) &&
	       device_sees(b - mem + PAGE_BYTES, b + PAGE_BYTES) && device_sees(0, mem),
	       "the device sees them where they are");
	tap_ok(!unmap(), "unmap");
}

static void test_hugetlb(void)
{
	uint8_t *mem;

	file_write(NR_HUGEPAGES, "4");
	mem = mmap(NULL, HUGE_BYTES, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (mem == MAP_FAILED) {
		tap_skip("hugetlb", "no huge page to be had");
		return;
	}
	page_fill(mem, HUGE_BYTES, 8);
	tap_ok(!map_write(mem, HUGE_BYTES) && device_sees(HUGE_BYTES / 2, mem + HUGE_BYTES / 2) &&
	       !unmap(), "hugetlb");
	mprotect(mem, HUGE_BYTES, PROT_READ);
	tap_ok(map_write(mem, HUGE_BYTES) == -EFAULT, "read-only hugetlb, to write");
	tap_ok(!map_read(mem, HUGE_BYTES) && device_sees(PAGE_BYTES, mem + PAGE_BYTES) &&
	       !unmap(), "read-only hugetlb, to read");
}

#define READ	IOMMU_IOAS_MAP_READABLE
#define WRITE	(IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE)

/* Bytes of a file that the device writes and reads, and that the process sees. */
static bool device_shares(uint8_t *mem, uint64_t offset)
{
	page_fill(bounce, SAMPLE, 90);
	if (edu_load(regs, IOVA_BOUNCE, SAMPLE) || edu_store(regs, IOVA + offset, SAMPLE))
		return false;
	if (memcmp(mem + offset, bounce, SAMPLE))
		return false;
	page_fill(mem + offset, SAMPLE, 91);
	return device_sees(offset, mem + offset);
}

/* @bytes from @start of @fd, mapped by file, compared through a process's mapping */
static void expect_shared(int fd, uint64_t start, uint64_t bytes, const char *what)
{
	uint8_t *whole = memory(start + bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	uint8_t *mem = whole + start;

	tap_ok(!map_file(fd, start, bytes, WRITE), "%s: map", what);
	tap_ok(device_shares(mem, 0) && device_shares(mem, bytes / 2) &&
	       device_shares(mem, bytes - SAMPLE), "%s: device and process share it", what);
	munmap(whole, start + bytes);
	tap_ok(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) == -1 && errno == EBUSY,
	       "%s: pinned, it cannot be sealed against writing", what);
	tap_ok(!unmap(), "%s: unmap", what);
	tap_ok(!fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), "%s: now it can", what);
	tap_ok(map_file(fd, start, bytes, WRITE) == -EINVAL, "%s: sealed, to write", what);
	tap_ok(!map_file(fd, start, bytes, READ) && !unmap(), "%s: sealed, to read", what);
	close(fd);
}

/* At an address where huge pages can be mapped as such */
static uint8_t *aligned_map(int fd, uint64_t bytes)
{
	uint8_t *room = memory(bytes + HUGE_BYTES, PROT_NONE, MAP_PRIVATE, -1);
	uint8_t *mem = (uint8_t *)(((uintptr_t)room + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1));

	munmap(room, bytes + HUGE_BYTES);
	mem = mmap(mem, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
	if (mem == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	return mem;
}

static int memfd(uint64_t bytes, unsigned int flags)
{
	int fd = memfd_create("memory", flags | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, bytes)) {
		perror("memfd");
		exit(1);
	}
	return fd;
}

/* KiB of a mapping that huge pages of shared memory make up, by /proc/self/smaps */
static long huge_kib(const void *mem)
{
	unsigned long start, end;
	bool found = false;
	long kib = -1;
	char line[256];
	FILE *file;

	file = fopen("/proc/self/smaps", "r");
	while (file && kib < 0 && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			found = start <= (uintptr_t)mem && (uintptr_t)mem < end;
		else if (found)
			sscanf(line, "ShmemPmdMapped: %ld", &kib);
	}
	if (file)
		fclose(file);
	return kib;
}

/* A memfd of huge pages, if there are such in the page cache at all */
static int memfd_of_thp(uint64_t bytes)
{
	int fd = memfd(bytes, 0);
	uint8_t *mem = aligned_map(fd, bytes);
	long kib;

	memset(mem, 1, bytes);
	kib = huge_kib(mem);
	tap_ok(kib == (long)(bytes >> 10), "memfd of THP: %ld KiB of %ld are huge", kib,
	       (long)(bytes >> 10));
	munmap(mem, bytes);
	return fd;
}

static void test_file(void)
{
	char path[64];
	int fd, again;

	expect_shared(memfd(BYTES, 0), 0, BYTES, "memfd");
	expect_shared(memfd(BYTES, 0), 2 * PAGE_BYTES, 3 * PAGE_BYTES, "part of a memfd");
	expect_shared(memfd(3 * HUGE_BYTES, 0), 0, 3 * HUGE_BYTES, "large memfd");
	file_write("/sys/kernel/mm/transparent_hugepage/shmem_enabled", "force");
	expect_shared(memfd_of_thp(3 * HUGE_BYTES), PAGE_BYTES, 2 * HUGE_BYTES, "memfd of THP");
	file_write("/sys/kernel/mm/transparent_hugepage/shmem_enabled", "never");

	fd = memfd(BYTES - PAGE_BYTES, 0);
	tap_ok(map_file(fd, 0, BYTES, READ) == -EINVAL, "a memfd that is too short");
	tap_ok(map_file(fd, BYTES, PAGE_BYTES, READ) == -EINVAL, "behind its end");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDONLY);
	tap_ok(map_file(again, 0, PAGE_BYTES, WRITE) == -EINVAL, "opened read-only, to write");
	tap_ok(!map_file(again, 0, PAGE_BYTES, READ) && !unmap(), "opened read-only, to read");
	close(again);
	again = open(path, O_WRONLY);
	tap_ok(map_file(again, 0, PAGE_BYTES, WRITE) == -EINVAL, "opened write-only");
	close(again);
	close(fd);
	tap_ok(map_file(fd, 0, PAGE_BYTES, READ) == -EBADF, "a closed descriptor");
	fd = open("/dev/null", O_RDWR);
	tap_ok(map_file(fd, 0, PAGE_BYTES, READ) == -EINVAL, "a device node");
	close(fd);
	tap_ok(map_file(iommufd, 0, PAGE_BYTES, READ) == -EINVAL, "/dev/iommu itself");
}

static void test_huge_file(void)
{
	int fd = memfd_create("huge", MFD_HUGETLB | MFD_ALLOW_SEALING);

	if (fd < 0) {
		tap_skip("memfd of hugetlb", "this kernel has none");
		return;
	}
	close(fd);
	file_write(NR_HUGEPAGES, "6");
	fd = memfd(2 * HUGE_BYTES, MFD_HUGETLB);
	tap_ok(map_file(fd, HUGE_BYTES, HUGE_BYTES + PAGE_BYTES, READ) == -EINVAL,
	       "a memfd of hugetlb that is too short");
	close(fd);
	expect_shared(memfd(2 * HUGE_BYTES, MFD_HUGETLB), 0, 2 * HUGE_BYTES, "memfd of hugetlb");
	fd = memfd(2 * HUGE_BYTES, MFD_HUGETLB);
	tap_ok(!map_file(fd, HUGE_BYTES - PAGE_BYTES, 2 * PAGE_BYTES, WRITE) && !unmap(),
	       "pages around the border of two huge pages");
	close(fd);
	fd = memfd(64 * HUGE_BYTES, MFD_HUGETLB);
	tap_ok(map_file(fd, 0, 64 * HUGE_BYTES, WRITE) == -ENOMEM, "more hugetlb than there is");
	close(fd);
	file_write(NR_HUGEPAGES, "0");
	fd = open(NR_HUGEPAGES, O_RDONLY);
	{
		char text[8] = "";

		tap_ok(read(fd, text, sizeof(text) - 1) == 2 && text[0] == '0',
		       "all huge pages came back");
	}
	close(fd);
}

static bool set_up(char *bdf)
{
	size_t len;
	int fd;

	if (pci_find(EDU_VENDOR, EDU_DEVICE, bdf) || pci_bind(bdf, "vfio-pci"))
		return false;
	iommufd = iommufd_open();
	fd = cdev_open(bdf);
	if (iommufd < 0 || fd < 0 || cdev_bind(fd, iommufd) < 0)
		return false;
	ioas = ioas_new(iommufd);
	bounce = page_alloc(1);
	if (ioas < 0 || cdev_attach(fd, ioas) < 0 || cdev_enable(fd) || !bounce)
		return false;
	regs = cdev_regs(fd, &len);
	return regs && !ioas_map_fixed(iommufd, ioas, bounce, PAGE_BYTES, IOVA_BOUNCE);
}

int main(void)
{
	char bdf[PCI_BDF_LEN];

	if (!tap_ok(set_up(bdf), "the device is attached"))
		return tap_end();
	test_private();
	test_shared();
	test_refused();
	test_fork();
	test_swapped();
	test_hugetlb();
	test_file();
	test_huge_file();
	return tap_end();
}
