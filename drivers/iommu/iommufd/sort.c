// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sorting of arrays whose length user space chose.
 *
 * The kernel's sort() runs to the end, whatever waits for the processor or for the
 * caller's death. This one is the same kind, a heap in place, which can be
 * stopped between any two of its steps.
 */
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/types.h>

#include "sort.h"

/* Negative, 0 or positive when the first is less, equal or greater */
typedef int (*compare_fn)(const void *a, const void *b);

/**
 * struct heap - an array that is being sorted
 * @start: the first element
 * @width: words of an element
 * @nr: number of elements in the heap: no child, 2n + 1 or 2n + 2, is greater than
 *      its parent, n
 */
struct heap {
	unsigned long *start;
	size_t width;
	size_t nr;
};

static unsigned long *element(const struct heap *heap, size_t i)
{
	return heap->start + i * heap->width;
}

static void exchange(const struct heap *heap, size_t a, size_t b)
{
	unsigned long *x = element(heap, a), *y = element(heap, b);
	size_t i;

	for (i = 0; i < heap->width; i++)
		swap(x[i], y[i]);
}

/* Everything below element @i is a heap: let it sink until it is one, too */
static void sink(const struct heap *heap, size_t i, compare_fn compare)
{
	size_t child;

	while ((child = 2 * i + 1) < heap->nr) {
		if (child + 1 < heap->nr &&
		    compare(element(heap, child), element(heap, child + 1)) < 0)
			child++;
		if (compare(element(heap, i), element(heap, child)) >= 0)
			return;
		exchange(heap, i, child);
		i = child;
	}
}

static bool shall_stop(void)
{
	cond_resched();
	return fatal_signal_pending(current);
}

/**
 * iommufd_sort() - sort a long array
 * @array: the array; its elements are words
 * @nr: number of elements
 * @width: words of an element
 * @compare: negative, 0 or positive when the first is less, equal or greater
 *
 * No memory is needed.
 *
 * Context: may sleep.
 * Return: 0, or -EINTR when the caller is being killed: then the elements are all
 * there, in some order.
 */
int iommufd_sort(void *array, size_t nr, size_t width,
		 int (*compare)(const void *a, const void *b))
{
	struct heap heap = { .start = array, .width = width, .nr = nr };
	size_t i;

	for (i = nr / 2; i--; ) {
		if (shall_stop())
			return -EINTR;
		sink(&heap, i, compare);
	}
	while (heap.nr > 1) {
		if (shall_stop())
			return -EINTR;
		exchange(&heap, 0, --heap.nr);
		sink(&heap, 0, compare);
	}
	return 0;
}
