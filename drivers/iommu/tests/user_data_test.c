// SPDX-License-Identifier: GPL-2.0-only
/*
 * iommu_fetch_blob() with iommu_copy_blob(), and iommu_copy_entry(): the lengths
 * that they accept, the zeroes that they add, and the bytes that they must not
 * write.
 */
#include <kunit/test.h>
#include <linux/iommu-ext.h>
#include <linux/iommu-owner.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#define MIN_BYTES	4U	/* length of the layout's first version */
#define SIZE_BYTES	8U	/* length that the driver knows */
#define CANARY		0x5a
#define PATTERN(i)	((u8)(0x10 + (i)))

/**
 * struct fixture - memory of user space
 * @mm: address space
 * @page: a readable page in it, followed by unmapped memory
 */
struct fixture {
	struct mm_struct *mm;
	unsigned long page;
};

static int user_data_init(struct kunit *test)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, f);
	f->mm = mm_alloc();
	KUNIT_ASSERT_NOT_NULL(test, f->mm);
	test->priv = f;
	arch_pick_mmap_layout(f->mm, &current->signal->rlim[RLIMIT_STACK]);
	kthread_use_mm(f->mm);
	f->page = vm_mmap(NULL, 0, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_ANONYMOUS | MAP_PRIVATE, 0);
	if (IS_ERR_VALUE(f->page))
		return (int)f->page;
	return vm_munmap(f->page + PAGE_SIZE, PAGE_SIZE);
}

static void user_data_exit(struct kunit *test)
{
	struct fixture *f = test->priv;

	if (!f || current->mm != f->mm)
		return;
	kthread_unuse_mm(f->mm);
	mmput(f->mm);
}

/* Pattern byte 0 at @offset_bytes, up to the end of the page */
static void __user *fill(struct kunit *test, unsigned int offset_bytes)
{
	struct fixture *f = test->priv;
	u8 __user *at = (u8 __user *)f->page + offset_bytes;
	unsigned int i, room = PAGE_SIZE - offset_bytes;

	for (i = 0; i < min(room, 64U); i++)
		KUNIT_EXPECT_EQ(test, 0, put_user(PATTERN(i), at + i));
	return at;
}

/* @len bytes of the pattern from byte @first on, then zeroes, then no change */
static void expect_copied(struct kunit *test, const u8 *dst,
			  unsigned int first, unsigned int len)
{
	unsigned int i;

	for (i = 0; i < SIZE_BYTES; i++)
		KUNIT_EXPECT_EQ(test, dst[i], i < len ? PATTERN(first + i) : 0);
	KUNIT_EXPECT_EQ(test, dst[SIZE_BYTES], CANARY);
}

/* Read @len bytes at @src as a driver does */
static int fetch(u8 *dst, const void __user *src, u32 len)
{
	struct iommu_user_blob blob;

	iommu_fetch_blob(&blob, 7, src, len);
	if (blob.type != 7 || blob.len != len)
		return -EBADMSG;
	return iommu_copy_blob(dst, SIZE_BYTES, MIN_BYTES, &blob);
}

static void blob_of_each_length(struct kunit *test)
{
	const u8 __user *src = fill(test, 0);
	u8 dst[SIZE_BYTES + 1];
	u32 len;
	int err;

	for (len = 0; len <= SIZE_BYTES + 2; len++) {
		memset(dst, CANARY, sizeof(dst));
		err = fetch(dst, src, len);
		if (len < MIN_BYTES || len > SIZE_BYTES) {
			KUNIT_EXPECT_EQ(test, err, -EINVAL);
			KUNIT_EXPECT_EQ(test, dst[0], CANARY);
		} else {
			KUNIT_EXPECT_EQ(test, err, 0);
			expect_copied(test, dst, 0, len);
		}
	}
}

/* A blob that is longer than the driver's layout is refused, even with zeroes */
static void longer_blob_of_zeroes(struct kunit *test)
{
	u8 __user *src = fill(test, 0);
	u8 dst[SIZE_BYTES];

	KUNIT_EXPECT_EQ(test, 0, put_user(0, src + SIZE_BYTES));
	KUNIT_EXPECT_EQ(test, -EINVAL, fetch(dst, src, SIZE_BYTES + 1));
}

static void blob_at_the_end_of_memory(struct kunit *test)
{
	const u8 __user *src = fill(test, PAGE_SIZE - 6);
	u8 dst[SIZE_BYTES + 1];

	memset(dst, CANARY, sizeof(dst));
	KUNIT_EXPECT_EQ(test, 0, fetch(dst, src, 6));
	expect_copied(test, dst, 0, 6);
	KUNIT_EXPECT_EQ(test, -EFAULT, fetch(dst, src, 7));
}

/* A blob that is longer than any layout is not read */
static void blob_longer_than_any(struct kunit *test)
{
	const u8 __user *src = fill(test, PAGE_SIZE - SIZE_BYTES);
	u8 dst[SIZE_BYTES];

	KUNIT_EXPECT_EQ(test, -EINVAL, fetch(dst, src, SIZE_BYTES + 1));
	KUNIT_EXPECT_EQ(test, -EINVAL,
			fetch(dst, src, IOMMU_USER_BLOB_MAX_BYTES));
	KUNIT_EXPECT_EQ(test, -EINVAL,
			fetch(dst, src, IOMMU_USER_BLOB_MAX_BYTES + 1));
	KUNIT_EXPECT_EQ(test, -EINVAL, fetch(dst, src, U32_MAX));
}

/* Entries are as far apart as the caller says, for any layout of the driver */
static void entries_of_each_length(struct kunit *test)
{
	struct iommu_user_array array = { .uptr = fill(test, 0), .nr = 4 };
	u8 dst[SIZE_BYTES + 1];
	u32 i;

	static_assert(4 * SIZE_BYTES <= IOMMU_USER_ARRAY_BATCH_BYTES);

	for (array.entry_len = MIN_BYTES; array.entry_len <= SIZE_BYTES;
	     array.entry_len++) {
		array.nr_read = 0;
		for (i = 0; i < array.nr; i++) {
			memset(dst, CANARY, sizeof(dst));
			KUNIT_EXPECT_EQ(test, 0,
					iommu_copy_entry(dst, SIZE_BYTES,
							 MIN_BYTES, &array, i));
			expect_copied(test, dst, i * array.entry_len,
				      array.entry_len);
		}
	}
	array.entry_len = MIN_BYTES - 1;
	KUNIT_EXPECT_EQ(test, -EINVAL,
			iommu_copy_entry(dst, SIZE_BYTES, MIN_BYTES, &array, 0));
	array.entry_len = SIZE_BYTES + 1;
	KUNIT_EXPECT_EQ(test, -EINVAL,
			iommu_copy_entry(dst, SIZE_BYTES, MIN_BYTES, &array, 0));
}

static void entry_behind_the_end_of_memory(struct kunit *test)
{
	struct iommu_user_array array = {
		.uptr = fill(test, PAGE_SIZE - 2 * SIZE_BYTES),
		.entry_len = SIZE_BYTES, .nr = 3,
	};
	u8 dst[SIZE_BYTES];

	KUNIT_EXPECT_EQ(test, 0,
			iommu_copy_entry(dst, SIZE_BYTES, MIN_BYTES, &array, 1));
	KUNIT_EXPECT_EQ(test, -EFAULT,
			iommu_copy_entry(dst, SIZE_BYTES, MIN_BYTES, &array, 2));
}

static void expect_entry(struct kunit *test, struct iommu_user_array *array,
			 u32 index)
{
	u64 word = 0;

	KUNIT_EXPECT_EQ(test, 0, iommu_copy_viommu_entry(&word, sizeof(word),
							 array, index));
	KUNIT_EXPECT_EQ(test, word, index + 1);
}

/* Also where batches end, from the front and from behind */
static void entries_of_many_batches(struct kunit *test)
{
	struct iommu_user_array array = {
		.uptr = fill(test, 0), .entry_len = sizeof(u64),
		.nr = PAGE_SIZE / sizeof(u64),
	};
	u64 __user *words = array.uptr;
	u64 word;
	u32 i;

	for (i = 0; i < array.nr; i++)
		KUNIT_EXPECT_EQ(test, 0, put_user((u64)i + 1, words + i));
	for (i = 0; i < array.nr; i++)
		expect_entry(test, &array, i);
	while (i--)
		expect_entry(test, &array, i);
	array.nr++;
	KUNIT_EXPECT_EQ(test, -EFAULT,
			iommu_copy_viommu_entry(&word, sizeof(word), &array,
						array.nr - 1));
}

/* These are read one by one */
static void entries_longer_than_a_batch(struct kunit *test)
{
	struct iommu_user_array array = {
		.uptr = fill(test, 0), .nr = 2,
		.entry_len = IOMMU_USER_ARRAY_BATCH_BYTES,
	};
	u8 dst[SIZE_BYTES];

	KUNIT_EXPECT_EQ(test, -E2BIG,
			iommu_copy_viommu_entry(dst, SIZE_BYTES, &array, 0));
	KUNIT_EXPECT_EQ(test, 0,
			iommu_copy_viommu_entry(dst, SIZE_BYTES, &array, 1));
	array.entry_len++;
	KUNIT_EXPECT_EQ(test, -E2BIG,
			iommu_copy_viommu_entry(dst, SIZE_BYTES, &array, 0));
	array.uptr += PAGE_SIZE - IOMMU_USER_ARRAY_BATCH_BYTES;
	KUNIT_EXPECT_EQ(test, -EFAULT,
			iommu_copy_viommu_entry(dst, SIZE_BYTES, &array, 0));
}

static struct kunit_case user_data_cases[] = {
	KUNIT_CASE(blob_of_each_length),
	KUNIT_CASE(longer_blob_of_zeroes),
	KUNIT_CASE(blob_at_the_end_of_memory),
	KUNIT_CASE(blob_longer_than_any),
	KUNIT_CASE(entries_of_each_length),
	KUNIT_CASE(entry_behind_the_end_of_memory),
	KUNIT_CASE(entries_of_many_batches),
	KUNIT_CASE(entries_longer_than_a_batch),
	{}
};

static struct kunit_suite user_data_suite = {
	.name = "iommu_user_data",
	.init = user_data_init,
	.exit = user_data_exit,
	.test_cases = user_data_cases,
};

kunit_test_suites(&user_data_suite);
