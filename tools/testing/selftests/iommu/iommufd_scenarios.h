/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every call of /dev/iommu once, on a descriptor that has what the call needs.
 */
#ifndef IOMMUFD_SCENARIOS_H
#define IOMMUFD_SCENARIOS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/memory.h"
#include "lib/mock.h"
#include "lib/vfio_dev.h"

#define SCENARIO_BYTES	(48 * PAGE_BYTES)

/* What one try of a scenario works on */
struct stage {
	int fd;
	uint32_t nothing;	/* no object */
	uint32_t ioas, other;	/* address spaces */
	uint32_t hwpt, parent;	/* page tables */
	uint32_t nested, foreign;
	uint32_t fault;		/* fault queue, and its file */
	int queue;
	uint32_t cookie;
	struct mock_ids ids;	/* mock device */
	int access, dmabuf;
	uint32_t item;
	uint32_t viommu, vdevice;
	struct vfio_dev vfio;
};

enum {
	/* The call may have done its work when it could not write its answer. */
	MAY_BE_DONE = 1,
	/* The call may have cut mappings: no IOVA means anything else then. */
	MAY_BE_CUT = 4,
	/* The call changes nothing that the lines of the descriptor show. */
	NO_CHANGE = 2,
};

/*
 * set_up makes what run needs, and run makes one call, with what its row says: on which
 * object, and as far as the call wants that, from which other one, at which IOVA, from
 * which IOVA, how many bytes, which option, and another value.
 */
struct scenario {
	const char *name;
	int (*set_up)(struct stage *stage);
	int (*run)(struct stage *stage, const struct scenario *scenario);
	unsigned int flags;
	size_t on, from;	/* offsets in struct stage */
	uint64_t iova, source, bytes;
	uint32_t option;
	uint64_t value;
};

extern const struct scenario scenarios[];
extern const unsigned int nr_scenarios;
extern const struct scenario viommu_scenarios[];
extern const unsigned int nr_viommu_scenarios;
/* What the scenarios map, SCENARIO_BYTES of it */
extern uint8_t *scenario_memory;

bool scenarios_init(void);

#endif
