/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an IOVA map should do, written down without thinking about speed:
 * unsorted lists that are searched from end to end.
 */
#ifndef MODEL_H
#define MODEL_H

#include "world.h"

#define MODEL_AREAS	192
#define MODEL_RANGES	12
#define MODEL_DOMAINS	4

struct model_area {
	unsigned long start, last;
	struct fuzz_memory *memory;
	u64 offset;
	bool writable;
};

struct model_range {
	unsigned long start, last;
	int owner;
};

struct model_domain {
	struct fake_domain *fake;	/* NULL: free */
	unsigned long page;
	unsigned long start, last;
};

struct model {
	struct model_area areas[MODEL_AREAS];
	unsigned int nr_areas;
	struct model_range reserved[MODEL_RANGES];
	unsigned int nr_reserved;
	struct iommufd_range allowed[MODEL_RANGES];
	unsigned int nr_allowed;
	struct model_domain domains[MODEL_DOMAINS];
	bool huge_pages;
	bool pinner;		/* an in-kernel user that pins */
};

struct model_piece {
	u64 offset;
	unsigned long length;
};

unsigned long model_alignment(const struct model *m);
unsigned int model_nr_domains(const struct model *m);
bool model_is_reserved(const struct model *m, unsigned long start,
		       unsigned long last);
bool model_is_mapped(const struct model *m, unsigned long start,
		     unsigned long last);
int model_check_map(const struct model *m, unsigned long address,
		    const struct model_piece *pieces, unsigned int nr,
		    bool fixed, unsigned long *iova);
int model_check_unmap(const struct model *m, unsigned long start,
		      unsigned long last, u64 *bytes);
void model_unmap(struct model *m, unsigned long start, unsigned long last);
int model_check_domain(const struct model *m, const struct model_domain *md);
int model_check_allowed(const struct model *m,
			const struct iommufd_range *ranges, unsigned int nr);
int model_check_reserve(const struct model *m, unsigned long start,
			unsigned long last);

#endif /* MODEL_H */
