// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/kernel-page-flags.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest.h"
#include "iommufd_util.h"

#define PCI_DEVICES	"/sys/bus/pci/devices"
#define EDU_VENDOR	0x1234
#define EDU_DEVICE	0x11e8
#define NOBODY		65534
#define HUGE_BYTES	(2UL << 20)
#define PAGEMAP_PFN	((1ULL << 55) - 1)

/*
 * Without the node there is nothing to test, unless whoever runs the tests knows
 * better. The environment decides before main() of any harness starts.
 */
static void __attribute__((constructor)) skip_without_node(void)
{
	if (!access("/dev/iommu", F_OK) || getenv("IOMMUFD_TEST_NO_SKIP"))
		return;
	puts("TAP version 13\n1..0 # SKIP no /dev/iommu: a kernel without CONFIG_IOMMUFD");
	exit(KSFT_SKIP);
}

int iommufd_open(void)
{
	int fd = open("/dev/iommu", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int iommufd_call(int fd, unsigned long number, void *arg)
{
	return ioctl(fd, number, arg) ? -errno : 0;
}

int ioas_alloc(int fd, uint32_t *id)
{
	struct iommu_ioas_alloc arg = { .size = sizeof(arg) };
	int err = iommufd_call(fd, IOMMU_IOAS_ALLOC, &arg);

	*id = arg.out_ioas_id;
	return err;
}

int object_destroy(int fd, uint32_t id)
{
	struct iommu_destroy arg = { .size = sizeof(arg), .id = id };

	return iommufd_call(fd, IOMMU_DESTROY, &arg);
}

int ioas_map(int fd, uint32_t ioas, const void *mem, uint64_t bytes, uint64_t *iova,
	     uint32_t flags)
{
	struct iommu_ioas_map arg = {
		.size = sizeof(arg), .flags = flags, .ioas_id = ioas,
		.user_va = (uintptr_t)mem, .length = bytes, .iova = *iova,
	};
	int err = iommufd_call(fd, IOMMU_IOAS_MAP, &arg);

	*iova = arg.iova;
	return err;
}

int ioas_map_fixed(int fd, uint32_t ioas, const void *mem, uint64_t bytes, uint64_t iova)
{
	return ioas_map(fd, ioas, mem, bytes, &iova, MAP_FIXED_RW);
}

int ioas_unmap(int fd, uint32_t ioas, uint64_t iova, uint64_t bytes, uint64_t *unmapped)
{
	struct iommu_ioas_unmap arg = {
		.size = sizeof(arg), .ioas_id = ioas, .iova = iova, .length = bytes,
	};
	int err = iommufd_call(fd, IOMMU_IOAS_UNMAP, &arg);

	if (unmapped)
		*unmapped = arg.length;
	return err;
}

int ioas_unmap_all(int fd, uint32_t ioas, uint64_t *unmapped)
{
	return ioas_unmap(fd, ioas, 0, ALL_ONES, unmapped);
}

int ioas_copy(int fd, uint32_t dst, uint64_t *dst_iova, uint32_t src, uint64_t src_iova,
	      uint64_t bytes, uint32_t flags)
{
	struct iommu_ioas_copy arg = {
		.size = sizeof(arg), .flags = flags, .dst_ioas_id = dst, .src_ioas_id = src,
		.length = bytes, .dst_iova = *dst_iova, .src_iova = src_iova,
	};
	int err = iommufd_call(fd, IOMMU_IOAS_COPY, &arg);

	*dst_iova = arg.dst_iova;
	return err;
}

int ioas_allow(int fd, uint32_t ioas, const struct iommu_iova_range *ranges, uint32_t nr)
{
	struct iommu_ioas_allow_iovas arg = {
		.size = sizeof(arg), .ioas_id = ioas, .num_iovas = nr,
		.allowed_iovas = (uintptr_t)ranges,
	};

	return iommufd_call(fd, IOMMU_IOAS_ALLOW_IOVAS, &arg);
}

int ioas_ranges(int fd, uint32_t ioas, struct iommu_iova_range *ranges, uint32_t *nr,
		uint64_t *alignment)
{
	struct iommu_ioas_iova_ranges arg = {
		.size = sizeof(arg), .ioas_id = ioas, .num_iovas = *nr,
		.allowed_iovas = (uintptr_t)ranges,
	};
	int err = iommufd_call(fd, IOMMU_IOAS_IOVA_RANGES, &arg);

	*nr = arg.num_iovas;
	if (alignment)
		*alignment = arg.out_iova_alignment;
	return err;
}

static int option(int fd, uint16_t op, uint32_t which, uint32_t object, uint64_t *value)
{
	struct iommu_option arg = {
		.size = sizeof(arg), .option_id = which, .op = op, .object_id = object,
		.val64 = *value,
	};
	int err = iommufd_call(fd, IOMMU_OPTION, &arg);

	*value = arg.val64;
	return err;
}

int option_set(int fd, uint32_t which, uint32_t object, uint64_t value)
{
	return option(fd, IOMMU_OPTION_OP_SET, which, object, &value);
}

int option_get(int fd, uint32_t which, uint32_t object, uint64_t *value)
{
	return option(fd, IOMMU_OPTION_OP_GET, which, object, value);
}

int hwpt_alloc(int fd, uint32_t dev_id, uint32_t pt_id, uint32_t *hwpt)
{
	struct iommu_hwpt_alloc arg = { .size = sizeof(arg), .dev_id = dev_id, .pt_id = pt_id };
	int err = iommufd_call(fd, IOMMU_HWPT_ALLOC, &arg);

	*hwpt = arg.out_hwpt_id;
	return err;
}

int ioas_map_file(int fd, uint32_t ioas, int file, uint64_t start, uint64_t bytes, uint64_t *iova,
		  uint32_t flags)
{
	struct iommu_ioas_map_file arg = {
		.size = sizeof(arg), .flags = flags, .ioas_id = ioas, .fd = file,
		.start = start, .length = bytes, .iova = *iova,
	};
	int err = iommufd_call(fd, IOMMU_IOAS_MAP_FILE, &arg);

	if (!err)
		*iova = arg.iova;
	return err;
}

int ioas_map_file_fixed(int fd, uint32_t ioas, int file, uint64_t start, uint64_t bytes,
			uint64_t iova)
{
	return ioas_map_file(fd, ioas, file, start, bytes, &iova, MAP_FIXED_RW);
}

int change_process(int fd)
{
	struct iommu_ioas_change_process arg = { .size = sizeof(arg) };

	return iommufd_call(fd, IOMMU_IOAS_CHANGE_PROCESS, &arg);
}

long long object_stat(int fd, uint32_t id, const char *word)
{
	char path[64], line[512], want[32], key[64];
	long long value = -1;
	const char *at;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	snprintf(want, sizeof(want), "\tid %u ", id);
	snprintf(key, sizeof(key), " %s ", word);
	file = fopen(path, "r");
	while (file && value < 0 && fgets(line, sizeof(line), file)) {
		at = strstr(line, want) ? strstr(line, key) : NULL;
		if (at)
			value = strtoll(at + strlen(key), NULL, 0);
	}
	if (file)
		fclose(file);
	return value;
}

long status_kib(const char *name)
{
	char line[128];
	long value = -1;
	FILE *file;

	file = fopen("/proc/self/status", "r");
	while (file && value < 0 && fgets(line, sizeof(line), file))
		if (!strncmp(line, name, strlen(name)) && line[strlen(name)] == ':')
			value = strtol(line + strlen(name) + 1, NULL, 10);
	if (file)
		fclose(file);
	return value;
}

void *memory_alloc(size_t bytes)
{
	void *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mem == MAP_FAILED)
		return NULL;
	madvise(mem, bytes, MADV_NOHUGEPAGE);
	return mem;
}

void *memory_alloc_huge(size_t bytes)
{
	uintptr_t start;
	void *mem;

	mem = mmap(NULL, bytes + HUGE_BYTES, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED)
		return NULL;
	start = ((uintptr_t)mem + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1);
	madvise((void *)start, bytes, MADV_HUGEPAGE);
	memset((void *)start, 1, bytes);
	return (void *)start;
}

int memfd_alloc(uint64_t bytes, unsigned int flags)
{
	int file = memfd_create("test", flags | MFD_CLOEXEC | MFD_ALLOW_SEALING), err;

	if (file < 0)
		return -errno;
	if (!ftruncate(file, bytes))
		return file;
	err = -errno;
	close(file);
	return err;
}

void *before_hole(const void *data, size_t bytes)
{
	char *page = memory_alloc(2 * PAGE_BYTES);

	if (!page)
		return NULL;
	mprotect(page + PAGE_BYTES, PAGE_BYTES, PROT_NONE);
	return memcpy(page + PAGE_BYTES - bytes, data, bytes);
}

void *read_only_copy(const void *data, size_t bytes)
{
	void *page = memory_alloc(PAGE_BYTES);

	if (!page)
		return NULL;
	memcpy(page, data, bytes);
	mprotect(page, PAGE_BYTES, PROT_READ);
	return page;
}

int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

/* Word of a page, from a file that has one for each */
static int page_word(const char *path, uint64_t page, uint64_t *word)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (pread(fd, word, sizeof(*word), page * sizeof(*word)) != sizeof(*word))
		err = -EIO;
	close(fd);
	return err;
}

uint64_t page_frame(const void *mem)
{
	uint64_t word;

	if (page_word("/proc/self/pagemap", (uintptr_t)mem / PAGE_BYTES, &word))
		return 0;
	return word & PAGEMAP_PFN;
}

int page_is_dirty(const void *mem)
{
	uint64_t frame = page_frame(mem), flags;
	int err;

	if (!frame)
		return -ENOENT;
	err = page_word("/proc/kpageflags", frame, &flags);
	return err ? err : !!(flags & 1ULL << KPF_DIRTY);
}

int drop_privileges(void)
{
	if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
	    setresuid(NOBODY, NOBODY, NOBODY))
		return -errno;
	/* Keep /proc/self ours to read. */
	return prctl(PR_SET_DUMPABLE, 1) ? -errno : 0;
}

int in_child(int (*body)(void *arg), void *arg)
{
	int status;
	pid_t pid;

	pid = fork();
	if (!pid)
		_exit(body(arg));
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -ECHILD;
	return WEXITSTATUS(status);
}

static unsigned int pci_word(const char *bdf, const char *attr)
{
	char path[PATH_MAX];
	unsigned int word = 0;
	FILE *file;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/%s", bdf, attr);
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (fscanf(file, "%x", &word) != 1)
		word = 0;
	fclose(file);
	return word;
}

static int choose_function(char *bdf, size_t len)
{
	const char *named = getenv("IOMMUFD_TEST_BDF");
	struct dirent *entry;
	int err = -ENODEV;
	DIR *dir;

	if (named) {
		snprintf(bdf, len, "%s", named);
		return 0;
	}
	dir = opendir(PCI_DEVICES);
	while (dir && err && (entry = readdir(dir))) {
		if (pci_word(entry->d_name, "vendor") != EDU_VENDOR ||
		    pci_word(entry->d_name, "device") != EDU_DEVICE)
			continue;
		snprintf(bdf, len, "%.15s", entry->d_name);
		err = 0;
	}
	if (dir)
		closedir(dir);
	return err;
}

static void give_to_vfio(const char *bdf)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/driver_override", bdf);
	write_file(path, "vfio-pci");
	/* Fails where the driver is bound already, which is as good. */
	write_file("/sys/bus/pci/drivers_probe", bdf);
}

static int open_node(const char *bdf)
{
	char path[PATH_MAX];
	struct dirent *entry;
	int fd = -ENOENT;
	DIR *dir;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/vfio-dev", bdf);
	dir = opendir(path);
	while (dir && fd < 0 && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, "vfio", 4))
			continue;
		snprintf(path, sizeof(path), "/dev/vfio/devices/%.40s", entry->d_name);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			fd = -errno;
	}
	if (dir)
		closedir(dir);
	return fd;
}

int vfio_dev_open(struct vfio_dev *dev)
{
	int err;

	dev->fd = -1;
	err = choose_function(dev->bdf, sizeof(dev->bdf));
	if (err)
		return err;
	give_to_vfio(dev->bdf);
	err = open_node(dev->bdf);
	if (err < 0)
		return err;
	dev->fd = err;
	return 0;
}

int vfio_dev_bind(struct vfio_dev *dev, int iommufd)
{
	struct vfio_device_bind_iommufd arg = { .argsz = sizeof(arg), .iommufd = iommufd };
	int err = iommufd_call(dev->fd, VFIO_DEVICE_BIND_IOMMUFD, &arg);

	dev->dev_id = arg.out_devid;
	return err;
}

int vfio_dev_attach(struct vfio_dev *dev, uint32_t pt_id, uint32_t *hwpt)
{
	struct vfio_device_attach_iommufd_pt arg = { .argsz = sizeof(arg), .pt_id = pt_id };
	int err = iommufd_call(dev->fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &arg);

	if (hwpt)
		*hwpt = arg.pt_id;
	return err;
}

int vfio_dev_detach(struct vfio_dev *dev)
{
	struct vfio_device_detach_iommufd_pt arg = { .argsz = sizeof(arg) };

	return iommufd_call(dev->fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &arg);
}

void vfio_dev_close(struct vfio_dev *dev)
{
	if (dev->fd >= 0)
		close(dev->fd);
	dev->fd = -1;
}

int vfio_dev_fills_tables_late(const struct vfio_dev *dev)
{
	char path[PATH_MAX], target[PATH_MAX];

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/iommu", dev->bdf);
	return realpath(path, target) && strstr(target, "/virtio");
}
