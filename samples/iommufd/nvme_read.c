// SPDX-License-Identifier: GPL-2.0-only
/*
 * Read a whole NVMe namespace from user space, by DMA through /dev/iommu, and
 * then show that the device cannot reach a page that was not mapped for it.
 *
 *	nvme_read [--bdf auto|0000:00:03.0] [--sha256] [--expect HEX]
 *
 * Memory is mapped at I/O addresses (IOVAs) that are neither its virtual nor
 * its physical addresses, so data can only arrive if the IOMMU translates. The
 * verdicts at the end are in TAP form. What this takes from the kernel is in
 * vfio_device.c; nvme.c drives the controller and knows no IOMMU.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/vfio.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "nvme.h"
#include "sha256.h"
#include "vfio_device.h"

#define NR_SLOTS		8u		/* reads in flight */
#define PAGE			NVME_PAGE_BYTES
#define IOVA_RINGS		0x1000000000ULL	/* queues and PRP lists */
#define IOVA_RESULTS		0x1010000000ULL	/* completions, identify data */
#define IOVA_DATA		0x1040000000ULL
#define READ_NS			10000000000ULL
#define STRAY_NS		2000000000ULL
#define FAULT_NS		30000000000ULL	/* a VMM may have to pass it on */
#define NO_FAULT_NS		1000000000ULL	/* where none may come */
#define MAX_FAULT_LINES		5
#define MIB			1048576.0

struct slot {
	struct nvme_target target;
	uint8_t *mem;
	uint32_t bytes;
	int done;
};

struct job {
	struct vfio_device dev;
	struct nvme nvme;
	struct dma_area data;
	struct slot slots[NR_SLOTS];
	uint8_t first_page[PAGE];	/* of the namespace */
	unsigned int nr_mappings;
	uint64_t mapped_bytes;
	uint64_t total_bytes;
	uint64_t read_ns;
	char hex[SHA256_HEX_LEN];
	int nr_verdicts, nr_bad;
};

static void verdict(struct job *job, int good, const char *what)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++job->nr_verdicts, what);
	job->nr_bad += !good;
}

static int finish(struct job *job)
{
	printf("1..%d\n", job->nr_verdicts);
	return job->nr_bad ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int give_up(struct job *job, const char *step, int err)
{
	char text[160];

	snprintf(text, sizeof(text), "%s (%s)", step, strerror(-err));
	verdict(job, 0, text);
	return finish(job);
}

/* Physical address of a page of ours, 0 if the kernel does not tell */
static uint64_t physical(const void *mem)
{
	uint64_t entry = 0;
	int fd;

	fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (pread(fd, &entry, sizeof(entry), (uintptr_t)mem / PAGE * sizeof(entry)) !=
	    sizeof(entry))
		entry = 0;
	close(fd);
	return entry >> 63 ? (entry & ((1ULL << 55) - 1)) * PAGE : 0;
}

static uint8_t *lock_memory(size_t bytes)
{
	void *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mem == MAP_FAILED)
		return NULL;
	madvise(mem, bytes, MADV_NOHUGEPAGE);
	if (mlock(mem, bytes)) {
		munmap(mem, bytes);
		return NULL;
	}
	return mem;
}

/* Memory, and a mapping of it that the device may read or also write */
static int dma_area_make(struct job *job, struct dma_area *area, size_t bytes, uint64_t iova,
			 int writable, const char *what)
{
	uint64_t pa;
	int err;

	area->mem = lock_memory(bytes);
	if (!area->mem)
		return -ENOMEM;
	area->iova = iova;
	area->bytes = bytes;
	err = ioas_usable(&job->dev, iova, bytes);
	if (err <= 0)
		return err ? err : -EADDRNOTAVAIL;
	err = ioas_map(&job->dev, area->mem, bytes, iova, writable);
	if (err)
		return err;
	pa = physical(area->mem);
	printf("  IOVA 0x%-12" PRIx64 "VA 0x%-14" PRIxPTR "PA 0x%-12" PRIx64 "%5zu KiB %-9s  %s\n",
	       iova, (uintptr_t)area->mem, pa, bytes / 1024, writable ? "writable" : "read-only",
	       what);
	if (pa == iova || (uintptr_t)area->mem == iova)
		return -EADDRINUSE;
	job->nr_mappings++;
	job->mapped_bytes += bytes;
	return 0;
}

/*
 * Section 4.3: the second pointer is nothing, the second page, or a list of all
 * pages but the first. Slots are as long as the longest read, and a shorter
 * one just uses less of its list.
 */
static void aim_slot(struct job *job, unsigned int nr, uint32_t slot_bytes)
{
	const size_t list = (NVME_RING_PAGES + nr) * PAGE;
	uint64_t *entry = (uint64_t *)(job->nvme.rings.mem + list);
	struct slot *slot = &job->slots[nr];
	uint64_t iova = job->data.iova + nr * slot_bytes;
	uint32_t page;

	slot->mem = job->data.mem + nr * slot_bytes;
	slot->target.prp1 = iova;
	slot->target.prp2 = slot_bytes > 2 * PAGE ? job->nvme.rings.iova + list : iova + PAGE;
	for (page = 1; page < slot_bytes / PAGE; page++)
		entry[page - 1] = iova + page * PAGE;
}

static void submit(struct job *job, uint64_t chunk)
{
	const uint32_t chunk_bytes = job->nvme.max_transfer_bytes;
	const uint64_t offset = chunk * chunk_bytes, left = job->total_bytes - offset;
	struct slot *slot = &job->slots[chunk % NR_SLOTS];
	struct nvme_target target = slot->target;

	slot->done = 0;
	slot->bytes = left < chunk_bytes ? left : chunk_bytes;
	if (slot->bytes <= 2 * PAGE)
		target.prp2 = slot->bytes > PAGE ? target.prp1 + PAGE : 0;
	nvme_read(&job->nvme, chunk % NR_SLOTS, offset / job->nvme.block_bytes,
		  slot->bytes / job->nvme.block_bytes, &target);
}

/* Wait for one slot; others may end first */
static int await(struct job *job, struct slot *slot)
{
	const uint64_t end = now_ns() + READ_NS;
	uint16_t status;
	int tag;

	while (!slot->done) {
		tag = nvme_poll(&job->nvme, &status);
		if (tag < 0) {
			if (now_ns() > end)
				return -ETIMEDOUT;
			sched_yield();
			continue;
		}
		if (status || tag >= (int)NR_SLOTS)
			return -EIO;
		job->slots[tag].done = 1;
	}
	return 0;
}

static void show_progress(uint64_t done, uint64_t total)
{
	static unsigned int shown;
	const unsigned int tenth = 10 * done / total;

	if (tenth == shown)
		return;
	shown = tenth;
	printf("  read %5.1f of %.1f MiB, %u %%\n", done / MIB, total / MIB, tenth * 10);
	fflush(stdout);
}

/* Slots take the chunks in turn, so hashing in order needs no sorting */
static int read_all(struct job *job)
{
	const uint32_t chunk_bytes = job->nvme.max_transfer_bytes;
	const uint64_t nr_chunks = (job->total_bytes + chunk_bytes - 1) / chunk_bytes;
	const uint64_t start = now_ns();
	uint64_t queued = 0, chunk, done = 0;
	struct sha256 sha;
	int err;

	sha256_begin(&sha);
	while (queued < nr_chunks && queued < NR_SLOTS)
		submit(job, queued++);
	for (chunk = 0; chunk < nr_chunks; chunk++) {
		struct slot *slot = &job->slots[chunk % NR_SLOTS];

		err = await(job, slot);
		if (err)
			return err;
		if (!chunk)
			memcpy(job->first_page, slot->mem, PAGE);
		sha256_add(&sha, slot->mem, slot->bytes);
		done += slot->bytes;
		show_progress(done, job->total_bytes);
		if (queued < nr_chunks)
			submit(job, queued++);
	}
	sha256_end(&sha, job->hex);
	job->read_ns = now_ns() - start;
	return 0;
}

static int set_up(struct job *job, const char **step)
{
	struct nvme *nvme = &job->nvme;
	size_t bar_bytes;
	unsigned int nr;
	int err;

	*step = "let the function do DMA";
	err = vfio_device_enable_dma(&job->dev);
	if (err)
		return err;
	*step = "map its registers";
	nvme->regs = vfio_device_map_bar(&job->dev, VFIO_PCI_BAR0_REGION_INDEX, &bar_bytes);
	if (!nvme->regs)
		return -EIO;
	*step = "map queues and buffers";
	err = dma_area_make(job, &nvme->rings, (NVME_RING_PAGES + NR_SLOTS) * PAGE, IOVA_RINGS, 0,
			    "submission queues, PRP lists");
	if (err)
		return err;
	err = dma_area_make(job, &nvme->results, NVME_RESULT_PAGES * PAGE, IOVA_RESULTS, 1,
			    "completion queues, identify data");
	if (err)
		return err;
	*step = "start the controller";
	err = nvme_start(nvme);
	if (err)
		return err;
	*step = "use blocks as large as this namespace's";
	if (nvme->block_bytes > PAGE)
		return -EOPNOTSUPP;
	*step = "map the data buffers";
	err = dma_area_make(job, &job->data, NR_SLOTS * nvme->max_transfer_bytes, IOVA_DATA, 1,
			    "data");
	for (nr = 0; !err && nr < NR_SLOTS; nr++)
		aim_slot(job, nr, nvme->max_transfer_bytes);
	job->total_bytes = nvme->nr_blocks * nvme->block_bytes;
	return err;
}

/* Let the device write the first page of the namespace to an IOVA */
static int write_page_to(struct job *job, uint64_t iova, const char *what)
{
	const struct nvme_target target = { .prp1 = iova };
	const uint64_t end = now_ns() + STRAY_NS;
	uint16_t status = 0;
	int tag;

	nvme_read(&job->nvme, 0, 0, PAGE / job->nvme.block_bytes, &target);
	do {
		tag = nvme_poll(&job->nvme, &status);
	} while (tag < 0 && now_ns() < end);
	if (tag >= 0)
		printf("  %s: the controller ends the command with status 0x%x\n", what, status);
	else
		printf("  %s: the controller does not end the command\n", what);
	if (tag >= 0 && !status)
		return 0;
	printf("  the controller is reset\n");
	return nvme_start(&job->nvme);
}

static int is_fault(const char *text)
{
	return strstr(text, "fault addr") || strstr(text, "IO_PAGE_FAULT") ||
	       strstr(text, "arm-smmu-v3") || strstr(text, "fault from EP");
}

/* Print what the kernel's log says of IOMMU faults since the last read of it */
static int show_faults(int kmsg, uint64_t wait_ns)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	const uint64_t end = now_ns() + wait_ns;
	char record[1024], *text;
	int nr = 0;
	ssize_t len;

	while (now_ns() < end) {
		len = read(kmsg, record, sizeof(record) - 1);
		if (len < 0 && errno == EPIPE)
			continue;
		if (len <= 0) {
			if (nr)
				break;
			nanosleep(&pause, NULL);
			continue;
		}
		record[len] = '\0';
		text = strchr(record, ';');
		if (!text || !is_fault(text) || nr >= MAX_FAULT_LINES)
			continue;
		nr++;
		text[1 + strcspn(text + 1, "\n")] = '\0';
		printf("  kernel: ");
		for (text++; *text; text++) {
			/* The log writes a tab as four characters */
			if (!strncmp(text, "\\x09", 4))
				text += 3;
			else
				putchar(*text);
		}
		printf("\n");
	}
	return nr;
}

static void judge_faults(struct job *job, int kmsg)
{
	const int amd = !strncmp(job->dev.iommu, "ivhd", 4);

	if (show_faults(kmsg, amd ? NO_FAULT_NS : FAULT_NS))
		verdict(job, 1, "the IOMMU reported the stray access");
	else if (amd)
		printf("  the IOMMU reported nothing: QEMU before 11 shows Linux no AMD-Vi events\n");
	else
		verdict(job, 0, "the IOMMU reported the stray access");
}

/*
 * The canary holds the complement of what the device writes, so that any byte
 * that arrives shows. The same command with the page mapped at that very IOVA
 * shows that it would have.
 */
static int check_stray(struct job *job, int kmsg)
{
	uint8_t *canary = lock_memory(PAGE), wanted[PAGE];
	uint64_t iova;
	size_t i;
	int err;

	if (!canary)
		return -ENOMEM;
	for (i = 0; i < PAGE; i++)
		canary[i] = wanted[i] = ~job->first_page[i];
	iova = physical(canary);
	if (!iova)
		return -EPERM;
	printf("  the canary page is at PA 0x%" PRIx64 ", which is no mapped IOVA\n", iova);

	err = write_page_to(job, iova, "write there");
	if (err)
		return err;
	verdict(job, !memcmp(canary, wanted, PAGE),
		"a write to the unmapped IOVA left the canary alone");
	judge_faults(job, kmsg);

	err = ioas_map(&job->dev, canary, PAGE, iova, 1);
	if (err)
		return err;
	err = write_page_to(job, iova, "the same, mapped");
	if (err)
		return err;
	verdict(job, !memcmp(canary, job->first_page, PAGE),
		"the same write arrives once the page is mapped there");

	err = ioas_unmap(&job->dev, iova, PAGE);
	if (err)
		return err;
	memcpy(canary, wanted, PAGE);
	err = write_page_to(job, iova, "the same, unmapped again");
	if (err)
		return err;
	verdict(job, !memcmp(canary, wanted, PAGE), "and is blocked once it is unmapped again");
	if (physical(canary) != iova)
		return -EAGAIN;		/* the page moved: nothing was shown */
	return 0;
}

/* What the kernel says the iommufd holds */
static void show_objects(struct job *job)
{
	char path[64], line[256];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", job->dev.iommufd);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, "iommufd-object:", 15))
			printf("  %-10s %s", "object", line + 16);
	if (file)
		fclose(file);
}

static void show_table(struct job *job)
{
	const double seconds = job->read_ns / 1e9;

	printf("\n  %-10s %s at %s, %s\n", "device", job->nvme.model, job->dev.bdf, job->dev.node);
	printf("  %-10s %s\n", "IOMMU", job->dev.iommu);
	show_objects(job);
	printf("  %-10s %u of %.2f MiB, none at its own address\n", "mappings", job->nr_mappings,
	       job->mapped_bytes / MIB);
	printf("  %-10s %" PRIu64 " bytes in %.2f s, %.1f MiB/s, %u commands in flight\n", "read",
	       job->total_bytes, seconds, job->total_bytes / MIB / seconds, NR_SLOTS);
	printf("  %-10s %s\n\n", "sha256", job->hex);
	fflush(stdout);
}

static int run(struct job *job, const char *bdf, const char *expect)
{
	const char *step;
	int err, kmsg;

	err = vfio_device_open(&job->dev, bdf, &step);
	if (err)
		return give_up(job, step, err);
	printf("%s: %s, device %u, address space %u, page table %u, behind %s\n", bdf,
	       job->dev.node, job->dev.dev_id, job->dev.ioas_id, job->dev.hwpt_id,
	       job->dev.iommu);
	err = set_up(job, &step);
	if (err)
		return give_up(job, step, err);

	printf("  %s: %" PRIu64 " blocks of %u bytes, %u KiB a command\n", job->nvme.model,
	       job->nvme.nr_blocks, job->nvme.block_bytes, job->nvme.max_transfer_bytes / 1024);
	err = read_all(job);
	if (err)
		return give_up(job, "read the namespace", err);
	verdict(job, 1, "the whole namespace was read by DMA");
	if (expect)
		verdict(job, !strcmp(job->hex, expect), "its SHA-256 is the expected one");

	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kmsg < 0)
		return give_up(job, "open /dev/kmsg", -errno);
	lseek(kmsg, 0, SEEK_END);
	err = check_stray(job, kmsg);
	close(kmsg);
	if (err)
		return give_up(job, "the stray access", err);
	nvme_stop(&job->nvme);
	show_table(job);
	return finish(job);
}

static int usage(const char *name)
{
	fprintf(stderr, "usage: %s [--bdf auto|BDF] [--sha256] [--expect HEX]\n", name);
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "bdf", required_argument, NULL, 'b' },
		{ "sha256", no_argument, NULL, 's' },	/* always printed */
		{ "expect", required_argument, NULL, 'e' },
		{ }
	};
	char bdf[PCI_BDF_LEN] = "auto";
	const char *expect = NULL;
	static struct job job;
	int opt, err;

	while ((opt = getopt_long(argc, argv, "b:se:", options, NULL)) >= 0) {
		if (opt == 'b')
			snprintf(bdf, sizeof(bdf), "%s", optarg);
		else if (opt == 'e')
			expect = optarg;
		else if (opt != 's')
			return usage(argv[0]);
	}
	if (optind != argc)
		return usage(argv[0]);
	if (!strcmp(bdf, "auto")) {
		err = pci_find_class(NVME_CLASS_CODE, bdf);
		if (err)
			return give_up(&job, "find an NVMe controller", err);
	}
	err = run(&job, bdf, expect);
	vfio_device_close(&job.dev);
	return err;
}
