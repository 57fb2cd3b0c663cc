/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every hook that tests have in iommufd: the test call and the objects that it
 * makes, fault points, and limits that a test may change. Without
 * CONFIG_IOMMUFD_TEST none of them is built.
 */
#ifndef __IOMMUFD_TEST_HOOKS_H
#define __IOMMUFD_TEST_HOOKS_H

#include <linux/bits.h>
#include <linux/types.h>

struct iommufd_call;
struct iommufd_ioas;
struct iommufd_object;

#ifdef CONFIG_IOMMUFD_TEST

#include "iommufd_test.h"

/* mock/calls.c */
int iommufd_test_init(void);
void iommufd_test_exit(void);
int iommufd_ioctl_test(struct iommufd_call *call);

/* mock/device.c */
void iommufd_selftest_destroy(struct iommufd_object *obj);

/* mock/fuzz.c: a flag of IOAS_COPY, which says what the source IOVA is */
#define MOCK_COPY_GUESSED	MOCK_FLAGS_ACCESS_SYZ
int mock_guessed_iova(struct iommufd_ioas *ioas, u64 *iova);

/* map/user.c: a flag of an access: copy as from memory of another process */
#define IOMMUFD_ACCESS_SLOW	BIT(1)

/* store/hold.c */
void iommufd_store_limit_batch(unsigned long npages);

#else

#define MOCK_COPY_GUESSED	0
#define IOMMUFD_ACCESS_SLOW	0

static inline int mock_guessed_iova(struct iommufd_ioas *ioas, u64 *iova)
{
	return 0;
}

static inline int iommufd_test_init(void)
{
	return 0;
}

static inline void iommufd_test_exit(void)
{
}

#endif /* CONFIG_IOMMUFD_TEST */

#if defined(CONFIG_IOMMUFD_TEST) && defined(CONFIG_FAULT_INJECTION)

/* mock/fault.c: fault points for steps that fault injection cannot make fail */
bool iommufd_should_fail(void);

#else

static inline bool iommufd_should_fail(void)
{
	return false;
}

#endif /* CONFIG_IOMMUFD_TEST && CONFIG_FAULT_INJECTION */
#endif /* __IOMMUFD_TEST_HOOKS_H */
