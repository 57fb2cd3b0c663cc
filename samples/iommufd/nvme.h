/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Just enough of an NVMe 1.4 controller to read a namespace: the admin queue,
 * one pair of I/O queues, polled, no interrupts. Section numbers in comments
 * are those of the NVM Express Base Specification 1.4.
 *
 * All functions return 0 or a negative errno unless they say otherwise.
 */
#ifndef SAMPLE_NVME_H
#define SAMPLE_NVME_H

#include <stddef.h>
#include <stdint.h>

#define NVME_CLASS_CODE		0x010802
#define NVME_PAGE_BYTES		4096u
#define NVME_QUEUE_LEN		32u	/* entries of every queue */
#define NVME_MAX_TRANSFER	(256u << 10)

/* Memory that the controller sees at iova */
struct dma_area {
	uint8_t *mem;
	uint64_t iova;
	size_t bytes;
};

struct nvme_queue {
	struct nvme_sqe *sqe;
	volatile struct nvme_cqe *cqe;
	volatile uint32_t *sq_doorbell;
	volatile uint32_t *cq_doorbell;
	unsigned int tail, head;
	unsigned int phase;		/* of the next completion */
};

struct nvme {
	volatile uint8_t *regs;
	struct dma_area rings;		/* the controller reads these: two SQs */
	struct dma_area results;	/* and writes these: two CQs, identify data */
	struct nvme_queue admin, io;
	unsigned int stride_bytes;	/* from one doorbell to the next */
	unsigned int ready_ms;		/* longest wait for CSTS.RDY */
	uint32_t max_transfer_bytes;
	uint64_t nr_blocks;
	uint32_t block_bytes;
	char model[41];
};

/* Pages that the caller provides in nvme.rings and nvme.results */
#define NVME_RING_PAGES		2
#define NVME_RESULT_PAGES	3

/* Where the data of one read goes: prp1, and prp2 as section 4.3 wants it */
struct nvme_target {
	uint64_t prp1;
	uint64_t prp2;
};

/* Reset the controller, set up all queues and learn what namespace 1 is */
int nvme_start(struct nvme *nvme);
void nvme_stop(struct nvme *nvme);

/* Queue one read of namespace 1; tag comes back from nvme_poll() */
void nvme_read(struct nvme *nvme, uint16_t tag, uint64_t block, uint32_t nr_blocks,
	       const struct nvme_target *target);

/* Tag of one read that has ended, or -EAGAIN; *status is the NVMe status, 0 if good */
int nvme_poll(struct nvme *nvme, uint16_t *status);

uint64_t now_ns(void);

#endif
