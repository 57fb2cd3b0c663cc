// SPDX-License-Identifier: GPL-2.0-only
#include "model.h"

typedef unsigned __int128 wide;

static bool meet(unsigned long a, unsigned long alast, unsigned long b,
		 unsigned long blast)
{
	return a <= blast && b <= alast;
}

unsigned int model_nr_domains(const struct model *m)
{
	unsigned int i, n = 0;

	for (i = 0; i < MODEL_DOMAINS; i++)
		n += !!m->domains[i].fake;
	return n;
}

unsigned long model_alignment(const struct model *m)
{
	unsigned long a = m->huge_pages && !m->pinner ? 1 : PAGE_SIZE;
	unsigned int i;

	for (i = 0; i < MODEL_DOMAINS; i++)
		if (m->domains[i].fake && m->domains[i].page > a)
			a = m->domains[i].page;
	return a;
}

bool model_is_reserved(const struct model *m, unsigned long start,
		       unsigned long last)
{
	unsigned int i;

	for (i = 0; i < m->nr_reserved; i++)
		if (meet(start, last, m->reserved[i].start, m->reserved[i].last))
			return true;
	for (i = 0; i < MODEL_DOMAINS; i++)
		if (m->domains[i].fake && (start < m->domains[i].start ||
					   last > m->domains[i].last))
			return true;
	return false;
}

bool model_is_mapped(const struct model *m, unsigned long start,
		     unsigned long last)
{
	unsigned int i;

	for (i = 0; i < m->nr_areas; i++)
		if (meet(start, last, m->areas[i].start, m->areas[i].last))
			return true;
	return false;
}

static bool is_free(const struct model *m, wide start, wide last)
{
	unsigned int i;
	bool inside = !m->nr_allowed;

	if (start < PAGE_SIZE || last > ULONG_MAX - PAGE_SIZE)
		return false;
	for (i = 0; i < m->nr_allowed; i++)
		inside |= start >= m->allowed[i].start &&
			  last <= m->allowed[i].last;
	return inside && !model_is_reserved(m, start, last) &&
	       !model_is_mapped(m, start, last);
}

/* A place begins behind something that is in the way, or later by alignment */
static void try_from(const struct model *m, wide from, unsigned long length,
		     unsigned long modulus, unsigned long residue, wide *best)
{
	wide at = from / modulus * modulus + residue;

	if (at < from)
		at += modulus;
	if (at < *best && is_free(m, at, at + length - 1))
		*best = at;
}

static int place(const struct model *m, unsigned long address, u64 offset,
		 unsigned long length, unsigned long *iova)
{
	unsigned long modulus = SIZE_2M, residue, size;
	wide best = (wide)1 << 64;
	unsigned int i;

	if (length >= 1UL << 63)
		return -EOVERFLOW;
	for (size = 1; size < length; size *= 2)
		;
	address += offset;
	if (size < modulus)
		modulus = size;
	while (address % modulus)
		modulus /= 2;
	if (modulus < model_alignment(m))
		return -EINVAL;
	if (modulus < PAGE_SIZE)
		modulus = PAGE_SIZE;
	residue = offset % PAGE_SIZE;

	try_from(m, PAGE_SIZE, length, modulus, residue, &best);
	for (i = 0; i < m->nr_areas; i++)
		try_from(m, (wide)m->areas[i].last + 1, length, modulus,
			 residue, &best);
	for (i = 0; i < m->nr_reserved; i++)
		try_from(m, (wide)m->reserved[i].last + 1, length, modulus,
			 residue, &best);
	for (i = 0; i < m->nr_allowed; i++)
		try_from(m, m->allowed[i].start, length, modulus, residue,
			 &best);
	for (i = 0; i < MODEL_DOMAINS; i++)
		if (m->domains[i].fake)
			try_from(m, m->domains[i].start, length, modulus,
				 residue, &best);
	if (best >> 64)
		return -ENOSPC;
	*iova = best;
	return 0;
}

int model_check_map(const struct model *m, unsigned long address,
		    const struct model_piece *pieces, unsigned int nr,
		    bool fixed, unsigned long *iova)
{
	unsigned long alignment = model_alignment(m);
	wide length = 0, end;
	unsigned int i;

	for (i = 0; i < nr; i++)
		length += pieces[i].length;
	for (i = 0; i < nr; i++)
		if (pieces[i].length % alignment ||
		    pieces[i].offset % alignment)
			return -EINVAL;
	if (!fixed)
		return place(m, address, pieces[0].offset, length, iova);
	if (*iova % alignment)
		return -EINVAL;
	end = *iova + length;
	if (end > (wide)1 << 64)
		return -EOVERFLOW;
	if (model_is_reserved(m, *iova, end - 1))
		return -EINVAL;
	return model_is_mapped(m, *iova, end - 1) ? -EEXIST : 0;
}

int model_check_unmap(const struct model *m, unsigned long start,
		      unsigned long last, u64 *bytes)
{
	unsigned int i;

	*bytes = 0;
	for (i = 0; i < m->nr_areas; i++) {
		const struct model_area *a = &m->areas[i];

		if (!meet(start, last, a->start, a->last))
			continue;
		if (a->start < start || a->last > last) {
			*bytes = 0;
			return -ERANGE;
		}
		*bytes += a->last - a->start + 1;
	}
	return *bytes ? 0 : -ENOENT;
}

void model_unmap(struct model *m, unsigned long start, unsigned long last)
{
	unsigned int i = 0;

	while (i < m->nr_areas) {
		if (meet(start, last, m->areas[i].start, m->areas[i].last))
			m->areas[i] = m->areas[--m->nr_areas];
		else
			i++;
	}
}

int model_check_domain(const struct model *m, const struct model_domain *md)
{
	unsigned int i;

	if (md->page > PAGE_SIZE)
		return -EINVAL;
	for (i = 0; i < m->nr_allowed; i++)
		if (m->allowed[i].start < md->start ||
		    m->allowed[i].last > md->last)
			return -EADDRINUSE;
	for (i = 0; i < m->nr_areas; i++) {
		const struct model_area *a = &m->areas[i];

		if (a->start < md->start || a->last > md->last ||
		    a->start % md->page || (a->last + 1) % md->page ||
		    a->offset % md->page)
			return -EADDRINUSE;
	}
	return 0;
}

int model_check_allowed(const struct model *m,
			const struct iommufd_range *ranges, unsigned int nr)
{
	unsigned int i, j;

	for (i = 0; i < nr; i++)
		for (j = 0; j < i; j++)
			if (meet(ranges[i].start, ranges[i].last,
				 ranges[j].start, ranges[j].last))
				return -EINVAL;
	for (i = 0; i < nr; i++)
		if (model_is_reserved(m, ranges[i].start, ranges[i].last))
			return -EADDRINUSE;
	return 0;
}

int model_check_reserve(const struct model *m, unsigned long start,
			unsigned long last)
{
	unsigned int i;

	for (i = 0; i < m->nr_allowed; i++)
		if (meet(start, last, m->allowed[i].start, m->allowed[i].last))
			return -EADDRINUSE;
	return model_is_mapped(m, start, last) ? -EADDRINUSE : 0;
}
