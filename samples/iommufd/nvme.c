// SPDX-License-Identifier: GPL-2.0-only
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include "nvme.h"

/* Section 3.1 */
#define REG_CAP			0x00
#define REG_INTMS		0x0c
#define REG_CC			0x14
#define REG_CSTS		0x1c
#define REG_AQA			0x24
#define REG_ASQ			0x28
#define REG_ACQ			0x30
#define REG_DOORBELLS		0x1000

#define CAP_MAX_QUEUE(cap)	(((cap) & 0xffff) + 1)
#define CAP_READY_HALF_S(cap)	((cap) >> 24 & 0xff)
#define CAP_STRIDE_LG2(cap)	((cap) >> 32 & 0xf)
#define CAP_MIN_PAGE_LG2(cap)	(12 + ((cap) >> 48 & 0xf))

#define CC_ENABLE		(1u << 0)
#define CC_ENTRY_SIZES		(6u << 16 | 4u << 20)	/* 64 and 16 bytes */
#define CSTS_READY		(1u << 0)
#define CSTS_FATAL		(1u << 1)

/* Sections 5 and 6 */
#define ADMIN_CREATE_SQ		0x01
#define ADMIN_CREATE_CQ		0x05
#define ADMIN_IDENTIFY		0x06
#define IO_READ			0x02

#define IDENTIFY_NAMESPACE	0
#define IDENTIFY_CONTROLLER	1
#define QUEUE_CONTIGUOUS	(1u << 0)

#define NAMESPACE_ID		1
#define IO_QUEUE_ID		1
#define COMMAND_NS		5000000000ULL

struct nvme_sqe {
	uint8_t opcode;
	uint8_t flags;
	uint16_t tag;
	uint32_t namespace_id;
	uint32_t reserved[4];
	uint64_t prp1;
	uint64_t prp2;
	uint32_t word10[6];		/* command dwords 10 to 15 */
};

struct nvme_cqe {
	uint32_t result;
	uint32_t reserved;
	uint16_t sq_head;
	uint16_t sq_id;
	uint16_t tag;
	uint16_t status;		/* bit 0 is the phase */
};

_Static_assert(sizeof(struct nvme_sqe) == 64, "submission entries have 64 bytes");
_Static_assert(sizeof(struct nvme_cqe) == 16, "completion entries have 16 bytes");

uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

/* Order what we wrote to memory before the doorbell that follows */
static void before_doorbell(void)
{
#ifdef __aarch64__
	__asm__ __volatile__("dmb oshst" ::: "memory");
#else
	__asm__ __volatile__("" ::: "memory");
#endif
}

/* Order the phase bit before what else the device wrote */
static void after_phase(void)
{
#ifdef __aarch64__
	__asm__ __volatile__("dmb oshld" ::: "memory");
#else
	__asm__ __volatile__("" ::: "memory");
#endif
}

static uint32_t reg_read(struct nvme *nvme, unsigned int reg)
{
	return le32toh(*(volatile uint32_t *)(nvme->regs + reg));
}

static void reg_write(struct nvme *nvme, unsigned int reg, uint32_t value)
{
	*(volatile uint32_t *)(nvme->regs + reg) = htole32(value);
}

static void reg_write64(struct nvme *nvme, unsigned int reg, uint64_t value)
{
	reg_write(nvme, reg, value);
	reg_write(nvme, reg + 4, value >> 32);
}

static void nap(void)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	nanosleep(&pause, NULL);
}

static int wait_ready(struct nvme *nvme, uint32_t want)
{
	const uint64_t end = now_ns() + nvme->ready_ms * 1000000ULL;

	while ((reg_read(nvme, REG_CSTS) & CSTS_READY) != want) {
		if (want && (reg_read(nvme, REG_CSTS) & CSTS_FATAL))
			return -EIO;
		if (now_ns() > end)
			return -ETIMEDOUT;
		nap();
	}
	return 0;
}

static struct nvme_sqe *next_sqe(struct nvme_queue *queue, uint8_t opcode, uint16_t tag)
{
	struct nvme_sqe *sqe = &queue->sqe[queue->tail];

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = opcode;
	sqe->tag = htole16(tag);
	return sqe;
}

static void ring(struct nvme_queue *queue)
{
	queue->tail = (queue->tail + 1) % NVME_QUEUE_LEN;
	before_doorbell();
	*queue->sq_doorbell = htole32(queue->tail);
}

/* Tag of the next completion, or -EAGAIN */
static int reap(struct nvme_queue *queue, uint16_t *status)
{
	volatile struct nvme_cqe *cqe = &queue->cqe[queue->head];
	const uint16_t word = le16toh(cqe->status);
	int tag;

	if ((word & 1) != queue->phase)
		return -EAGAIN;
	after_phase();
	tag = le16toh(cqe->tag);
	*status = word >> 1;
	queue->head = (queue->head + 1) % NVME_QUEUE_LEN;
	if (!queue->head)
		queue->phase = !queue->phase;
	*queue->cq_doorbell = htole32(queue->head);
	return tag;
}

/* Section 3.1.10 and the next: where queue number id rings */
static void queue_begin(struct nvme *nvme, struct nvme_queue *queue, unsigned int id)
{
	volatile uint8_t *bells = nvme->regs + REG_DOORBELLS + 2 * id * nvme->stride_bytes;
	uint8_t *sq = nvme->rings.mem + id * NVME_PAGE_BYTES;
	uint8_t *cq = nvme->results.mem + id * NVME_PAGE_BYTES;

	memset(sq, 0, NVME_PAGE_BYTES);
	memset(cq, 0, NVME_PAGE_BYTES);
	*queue = (struct nvme_queue){
		.sqe = (void *)sq,
		.cqe = (void *)cq,
		.sq_doorbell = (void *)bells,
		.cq_doorbell = (void *)(bells + nvme->stride_bytes),
		.phase = 1,
	};
}

/* Run the admin command that next_sqe() began */
static int admin_run(struct nvme *nvme)
{
	const uint64_t end = now_ns() + COMMAND_NS;
	uint16_t status;

	ring(&nvme->admin);
	while (reap(&nvme->admin, &status) < 0) {
		if (now_ns() > end)
			return -ETIMEDOUT;
		nap();
	}
	return status ? -EIO : 0;
}

static int identify(struct nvme *nvme, uint32_t what, uint32_t namespace_id)
{
	struct nvme_sqe *sqe = next_sqe(&nvme->admin, ADMIN_IDENTIFY, 0);

	sqe->namespace_id = htole32(namespace_id);
	sqe->prp1 = htole64(nvme->results.iova + 2 * NVME_PAGE_BYTES);
	sqe->word10[0] = htole32(what);
	return admin_run(nvme);
}

/* Section 5.15.2.2; MDTS counts in the controller's smallest pages */
static int learn_controller(struct nvme *nvme, uint64_t cap)
{
	const uint8_t *data = nvme->results.mem + 2 * NVME_PAGE_BYTES;
	unsigned int limit_lg2;
	int err, len = 40;

	err = identify(nvme, IDENTIFY_CONTROLLER, 0);
	if (err)
		return err;
	while (len && data[24 + len - 1] == ' ')
		len--;
	memcpy(nvme->model, data + 24, len);
	nvme->model[len] = '\0';

	nvme->max_transfer_bytes = NVME_MAX_TRANSFER;
	limit_lg2 = data[77] ? data[77] + CAP_MIN_PAGE_LG2(cap) : 31;
	if (limit_lg2 < 31 && 1u << limit_lg2 < NVME_MAX_TRANSFER)
		nvme->max_transfer_bytes = 1u << limit_lg2;
	return 0;
}

/* Section 5.15.2.1: NSZE, and the LBA format that FLBAS selects */
static int learn_namespace(struct nvme *nvme)
{
	const uint8_t *data = nvme->results.mem + 2 * NVME_PAGE_BYTES;
	uint64_t blocks;
	uint32_t format;
	int err;

	err = identify(nvme, IDENTIFY_NAMESPACE, NAMESPACE_ID);
	if (err)
		return err;
	memcpy(&blocks, data, sizeof(blocks));
	memcpy(&format, data + 128 + 4 * (data[26] & 0xf), sizeof(format));
	nvme->nr_blocks = le64toh(blocks);
	nvme->block_bytes = 1u << (le32toh(format) >> 16 & 0xff);
	return nvme->nr_blocks ? 0 : -ENODEV;
}

/* Sections 5.3 and 5.4: the completion queue first, without interrupts */
static int create_io_queues(struct nvme *nvme)
{
	const uint32_t shape = (NVME_QUEUE_LEN - 1) << 16 | IO_QUEUE_ID;
	struct nvme_sqe *sqe;
	int err;

	queue_begin(nvme, &nvme->io, IO_QUEUE_ID);
	sqe = next_sqe(&nvme->admin, ADMIN_CREATE_CQ, 0);
	sqe->prp1 = htole64(nvme->results.iova + IO_QUEUE_ID * NVME_PAGE_BYTES);
	sqe->word10[0] = htole32(shape);
	sqe->word10[1] = htole32(QUEUE_CONTIGUOUS);
	err = admin_run(nvme);
	if (err)
		return err;

	sqe = next_sqe(&nvme->admin, ADMIN_CREATE_SQ, 0);
	sqe->prp1 = htole64(nvme->rings.iova + IO_QUEUE_ID * NVME_PAGE_BYTES);
	sqe->word10[0] = htole32(shape);
	sqe->word10[1] = htole32(IO_QUEUE_ID << 16 | QUEUE_CONTIGUOUS);
	return admin_run(nvme);
}

/* Section 7.6.1 */
int nvme_start(struct nvme *nvme)
{
	const uint64_t cap = reg_read(nvme, REG_CAP) | (uint64_t)reg_read(nvme, REG_CAP + 4) << 32;
	int err;

	if (CAP_MIN_PAGE_LG2(cap) > 12 || CAP_MAX_QUEUE(cap) < NVME_QUEUE_LEN)
		return -EOPNOTSUPP;
	nvme->stride_bytes = 4u << CAP_STRIDE_LG2(cap);
	nvme->ready_ms = 500 * (CAP_READY_HALF_S(cap) + 1);

	reg_write(nvme, REG_CC, 0);
	err = wait_ready(nvme, 0);
	if (err)
		return err;
	queue_begin(nvme, &nvme->admin, 0);
	reg_write(nvme, REG_INTMS, ~0u);
	reg_write(nvme, REG_AQA, (NVME_QUEUE_LEN - 1) << 16 | (NVME_QUEUE_LEN - 1));
	reg_write64(nvme, REG_ASQ, nvme->rings.iova);
	reg_write64(nvme, REG_ACQ, nvme->results.iova);
	before_doorbell();
	reg_write(nvme, REG_CC, CC_ENABLE | CC_ENTRY_SIZES);
	err = wait_ready(nvme, CSTS_READY);
	if (err)
		return err;

	err = learn_controller(nvme, cap);
	if (err)
		return err;
	err = learn_namespace(nvme);
	return err ? err : create_io_queues(nvme);
}

void nvme_stop(struct nvme *nvme)
{
	reg_write(nvme, REG_CC, 0);
	wait_ready(nvme, 0);
}

/* Section 6.9; the count of blocks is zero based */
void nvme_read(struct nvme *nvme, uint16_t tag, uint64_t block, uint32_t nr_blocks,
	       const struct nvme_target *target)
{
	struct nvme_sqe *sqe = next_sqe(&nvme->io, IO_READ, tag);

	sqe->namespace_id = htole32(NAMESPACE_ID);
	sqe->prp1 = htole64(target->prp1);
	sqe->prp2 = htole64(target->prp2);
	sqe->word10[0] = htole32(block);
	sqe->word10[1] = htole32(block >> 32);
	sqe->word10[2] = htole32(nr_blocks - 1);
	ring(&nvme->io);
}

int nvme_poll(struct nvme *nvme, uint16_t *status)
{
	return reap(&nvme->io, status);
}
