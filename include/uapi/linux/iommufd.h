/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * User interface of /dev/iommu.
 *
 * A file descriptor of /dev/iommu owns a set of objects, each named by a 32-bit
 * ID that is valid on this descriptor alone. Closing the last reference to the
 * descriptor destroys them all.
 *
 * Documentation/userspace-api/iommufd.rst explains the objects and lists the
 * errors of each call.
 */
#ifndef _UAPI_LINUX_IOMMUFD_H
#define _UAPI_LINUX_IOMMUFD_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define IOMMUFD_TYPE (0x3b)

/*
 * Rules that hold for every call:
 *
 *  - @size comes first and is set by the caller to the size of the struct it
 *    was compiled with. A size below the first published version of the
 *    struct is EINVAL. Bytes the caller does not have count as zero; bytes the
 *    kernel does not know must be zero or the call is E2BIG.
 *  - An unknown number is ENOTTY.
 *  - An unknown flag, option or a reserved field that is not zero is
 *    EOPNOTSUPP.
 *  - Results are written into the same struct, cut to @size.
 *  - A call that fails has changed nothing, unless its description says so.
 */

/* The low byte of each call's number; a value never moves */
enum {
	IOMMUFD_CMD_BASE = 0x80,
	IOMMUFD_CMD_DESTROY = IOMMUFD_CMD_BASE,
	IOMMUFD_CMD_IOAS_ALLOC = 0x81,
	IOMMUFD_CMD_IOAS_ALLOW_IOVAS = 0x82,
	IOMMUFD_CMD_IOAS_COPY = 0x83,
	IOMMUFD_CMD_IOAS_IOVA_RANGES = 0x84,
	IOMMUFD_CMD_IOAS_MAP = 0x85,
	IOMMUFD_CMD_IOAS_UNMAP = 0x86,
	IOMMUFD_CMD_OPTION = 0x87,
	IOMMUFD_CMD_VFIO_IOAS = 0x88,
	IOMMUFD_CMD_HWPT_ALLOC = 0x89,
	IOMMUFD_CMD_GET_HW_INFO = 0x8a,
	IOMMUFD_CMD_HWPT_SET_DIRTY_TRACKING = 0x8b,
	IOMMUFD_CMD_HWPT_GET_DIRTY_BITMAP = 0x8c,
	IOMMUFD_CMD_HWPT_INVALIDATE = 0x8d,
	IOMMUFD_CMD_FAULT_QUEUE_ALLOC = 0x8e,
	IOMMUFD_CMD_IOAS_MAP_FILE = 0x8f,
	IOMMUFD_CMD_VIOMMU_ALLOC = 0x90,
	IOMMUFD_CMD_VDEVICE_ALLOC = 0x91,
	IOMMUFD_CMD_IOAS_CHANGE_PROCESS = 0x92,
	IOMMUFD_CMD_VEVENTQ_ALLOC = 0x93,
	IOMMUFD_CMD_HW_QUEUE_ALLOC = 0x94,
	IOMMUFD_CMD_IOAS_NOIOMMU_GET_PA = 0x95,
};

/**
 * struct iommu_destroy - ioctl(IOMMU_DESTROY)
 * @size: sizeof(struct iommu_destroy)
 * @id: object to destroy
 *
 * EBUSY while another object, an attached device or the driver that owns the
 * object still refers to it.
 */
struct iommu_destroy {
	__u32 size;
	__u32 id;
};

#define IOMMU_DESTROY _IO(IOMMUFD_TYPE, IOMMUFD_CMD_DESTROY)

/**
 * struct iommu_ioas_alloc - ioctl(IOMMU_IOAS_ALLOC)
 * @size: sizeof(struct iommu_ioas_alloc)
 * @flags: 0
 * @out_ioas_id: ID of the new, empty IO address space
 */
struct iommu_ioas_alloc {
	__u32 size;
	__u32 flags;
	__u32 out_ioas_id;
};

#define IOMMU_IOAS_ALLOC _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_ALLOC)

/**
 * struct iommu_iova_range - interval of IO virtual addresses
 * @start: first address
 * @last: last address, part of the interval
 */
struct iommu_iova_range {
	__aligned_u64 start;
	__aligned_u64 last;
};

/**
 * struct iommu_ioas_iova_ranges - ioctl(IOMMU_IOAS_IOVA_RANGES)
 * @size: sizeof(struct iommu_ioas_iova_ranges)
 * @ioas_id: address space to ask
 * @num_iovas: in: length of the array; out: number of intervals there are
 * @__reserved: 0
 * @allowed_iovas: address of an array of struct iommu_iova_range to fill
 * @out_iova_alignment: alignment, in bytes, that mappings must have now
 *
 * Reports where mappings may be made. The answer holds until the next device
 * is attached; IOMMU_IOAS_ALLOW_IOVAS fixes what must stay. With an array that
 * is too short the call fails with EMSGSIZE, and still fills the array and
 * both results.
 */
struct iommu_ioas_iova_ranges {
	__u32 size;
	__u32 ioas_id;
	__u32 num_iovas;
	__u32 __reserved;
	__aligned_u64 allowed_iovas;
	__aligned_u64 out_iova_alignment;
};

#define IOMMU_IOAS_IOVA_RANGES _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_IOVA_RANGES)

/**
 * struct iommu_ioas_allow_iovas - ioctl(IOMMU_IOAS_ALLOW_IOVAS)
 * @size: sizeof(struct iommu_ioas_allow_iovas)
 * @ioas_id: address space to constrain
 * @num_iovas: length of the array; 0 removes the constraint
 * @__reserved: 0
 * @allowed_iovas: address of an array of struct iommu_iova_range
 *
 * Replaces the list of intervals that attaching a device may not take away,
 * and confines addresses chosen by the kernel to them.
 */
struct iommu_ioas_allow_iovas {
	__u32 size;
	__u32 ioas_id;
	__u32 num_iovas;
	__u32 __reserved;
	__aligned_u64 allowed_iovas;
};

#define IOMMU_IOAS_ALLOW_IOVAS _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_ALLOW_IOVAS)

/**
 * enum iommufd_ioas_map_flags - flags of the calls that make mappings
 * @IOMMU_IOAS_MAP_FIXED_IOVA: the caller chose the IOVA
 * @IOMMU_IOAS_MAP_WRITEABLE: devices may write
 * @IOMMU_IOAS_MAP_READABLE: devices may read
 */
enum iommufd_ioas_map_flags {
	IOMMU_IOAS_MAP_FIXED_IOVA = 1 << 0,
	IOMMU_IOAS_MAP_WRITEABLE = 1 << 1,
	IOMMU_IOAS_MAP_READABLE = 1 << 2,
};

/**
 * struct iommu_ioas_map - ioctl(IOMMU_IOAS_MAP)
 * @size: sizeof(struct iommu_ioas_map)
 * @flags: mask of enum iommufd_ioas_map_flags, at least one of WRITEABLE and
 *         READABLE
 * @ioas_id: address space to change
 * @__reserved: 0
 * @user_va: first byte of the caller's memory
 * @length: bytes to map
 * @iova: address to map at with FIXED_IOVA, else the address that was chosen
 *
 * The memory is pinned while a domain or an in-kernel user needs it, and
 * counts against the caller's locked-memory limit for that time.
 */
struct iommu_ioas_map {
	__u32 size;
	__u32 flags;
	__u32 ioas_id;
	__u32 __reserved;
	__aligned_u64 user_va;
	__aligned_u64 length;
	__aligned_u64 iova;
};

#define IOMMU_IOAS_MAP _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_MAP)

/**
 * struct iommu_ioas_map_file - ioctl(IOMMU_IOAS_MAP_FILE)
 * @size: sizeof(struct iommu_ioas_map_file)
 * @flags: as for IOMMU_IOAS_MAP
 * @ioas_id: address space to change
 * @fd: memfd or dma-buf that holds the memory
 * @start: first byte of it
 * @length: bytes to map
 * @iova: as for IOMMU_IOAS_MAP
 *
 * Works like IOMMU_IOAS_MAP on memory that needs no address in a process. A
 * memfd is pinned and counted when a domain or an in-kernel user needs it. A
 * dma-buf stays attached until it is unmapped and counts against no limit;
 * when its exporter revokes it, devices lose their access, and the mapping
 * stays, empty, until it is unmapped.
 */
struct iommu_ioas_map_file {
	__u32 size;
	__u32 flags;
	__u32 ioas_id;
	__s32 fd;
	__aligned_u64 start;
	__aligned_u64 length;
	__aligned_u64 iova;
};

#define IOMMU_IOAS_MAP_FILE _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_MAP_FILE)

/**
 * struct iommu_ioas_copy - ioctl(IOMMU_IOAS_COPY)
 * @size: sizeof(struct iommu_ioas_copy)
 * @flags: as for IOMMU_IOAS_MAP
 * @dst_ioas_id: address space to change
 * @src_ioas_id: address space to take the memory from, may be the same one
 * @length: bytes to share
 * @dst_iova: address to map at with FIXED_IOVA, else the address that was
 *            chosen
 * @src_iova: first address of the source, which must be mapped throughout
 *
 * Both places use the same pinned memory, which is counted once.
 */
struct iommu_ioas_copy {
	__u32 size;
	__u32 flags;
	__u32 dst_ioas_id;
	__u32 src_ioas_id;
	__aligned_u64 length;
	__aligned_u64 dst_iova;
	__aligned_u64 src_iova;
};

#define IOMMU_IOAS_COPY _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_COPY)

/**
 * struct iommu_ioas_unmap - ioctl(IOMMU_IOAS_UNMAP)
 * @size: sizeof(struct iommu_ioas_unmap)
 * @ioas_id: address space to change
 * @iova: first address
 * @length: in: bytes; out: bytes that were unmapped
 *
 * Removes the mappings that lie inside the range. Mappings are never cut: one
 * that sticks out fails the call. @iova 0 with an all-ones @length empties the
 * address space.
 */
struct iommu_ioas_unmap {
	__u32 size;
	__u32 ioas_id;
	__aligned_u64 iova;
	__aligned_u64 length;
};

#define IOMMU_IOAS_UNMAP _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_UNMAP)

/**
 * struct iommu_ioas_change_process - ioctl(IOMMU_IOAS_CHANGE_PROCESS)
 * @size: sizeof(struct iommu_ioas_change_process)
 * @__reserved: 0
 *
 * Makes the calling process the one that pays for the pinned memory of all
 * address spaces of this descriptor, for instance after it was handed over.
 * All of it must come from memfds. Either everything moves or nothing.
 */
struct iommu_ioas_change_process {
	__u32 size;
	__u32 __reserved;
};

#define IOMMU_IOAS_CHANGE_PROCESS \
	_IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_CHANGE_PROCESS)

/**
 * enum iommufd_option - what IOMMU_OPTION reads and sets
 * @IOMMU_OPTION_RLIMIT_MODE: 0 counts pinned memory per user, 1 per process.
 *    Belongs to the descriptor (@object_id 0) and must be set, with
 *    CAP_SYS_RESOURCE, before the first object is made
 * @IOMMU_OPTION_HUGE_PAGES: 1 allows IO page tables to use large pages, 0
 *    keeps every entry at PAGE_SIZE. Belongs to an address space
 */
enum iommufd_option {
	IOMMU_OPTION_RLIMIT_MODE = 0,
	IOMMU_OPTION_HUGE_PAGES = 1,
};

/**
 * enum iommufd_option_ops - what to do with the option
 * @IOMMU_OPTION_OP_SET: set it to @val64
 * @IOMMU_OPTION_OP_GET: return it in @val64
 */
enum iommufd_option_ops {
	IOMMU_OPTION_OP_SET = 0,
	IOMMU_OPTION_OP_GET = 1,
};

/**
 * struct iommu_option - ioctl(IOMMU_OPTION)
 * @size: sizeof(struct iommu_option)
 * @option_id: which option, see enum iommufd_option
 * @op: get or set, see enum iommufd_option_ops
 * @__reserved: 0
 * @object_id: object the option belongs to, 0 for the descriptor
 * @val64: the value
 */
struct iommu_option {
	__u32 size;
	__u32 option_id;
	__u16 op;
	__u16 __reserved;
	__u32 object_id;
	__aligned_u64 val64;
};

#define IOMMU_OPTION _IO(IOMMUFD_TYPE, IOMMUFD_CMD_OPTION)

/**
 * enum iommufd_vfio_ioas_op - what IOMMU_VFIO_IOAS does
 * @IOMMU_VFIO_IOAS_GET: return the address space in @ioas_id
 * @IOMMU_VFIO_IOAS_SET: make it @ioas_id
 * @IOMMU_VFIO_IOAS_CLEAR: use none any more
 */
enum iommufd_vfio_ioas_op {
	IOMMU_VFIO_IOAS_GET = 0,
	IOMMU_VFIO_IOAS_SET = 1,
	IOMMU_VFIO_IOAS_CLEAR = 2,
};

/**
 * struct iommu_vfio_ioas - ioctl(IOMMU_VFIO_IOAS)
 * @size: sizeof(struct iommu_vfio_ioas)
 * @ioas_id: the address space
 * @op: one of enum iommufd_vfio_ioas_op
 * @__reserved: 0
 *
 * The calls of a VFIO container, made on this descriptor, act on this address
 * space.
 */
struct iommu_vfio_ioas {
	__u32 size;
	__u32 ioas_id;
	__u16 op;
	__u16 __reserved;
};

#define IOMMU_VFIO_IOAS _IO(IOMMUFD_TYPE, IOMMUFD_CMD_VFIO_IOAS)

/**
 * enum iommufd_hwpt_alloc_flags - what a page table must be able to do
 * @IOMMU_HWPT_ALLOC_NEST_PARENT: be the parent of user-managed page tables
 * @IOMMU_HWPT_ALLOC_DIRTY_TRACKING: record which pages devices wrote
 * @IOMMU_HWPT_FAULT_ID_VALID: @fault_id names a fault queue
 * @IOMMU_HWPT_ALLOC_PASID: be attached to PASIDs
 *
 * A bit that this kernel or the device's IOMMU cannot honour is EOPNOTSUPP.
 */
enum iommufd_hwpt_alloc_flags {
	IOMMU_HWPT_ALLOC_NEST_PARENT = 1 << 0,
	IOMMU_HWPT_ALLOC_DIRTY_TRACKING = 1 << 1,
	IOMMU_HWPT_FAULT_ID_VALID = 1 << 2,
	IOMMU_HWPT_ALLOC_PASID = 1 << 3,
};

/**
 * struct iommu_hwpt_arm_smmuv3 - what a guest's Arm SMMUv3 says of a device
 * @ste: first 128 bits of the guest's stream table entry, little endian: from the first
 *       word V, Config, S1Fmt, S1ContextPtr and S1CDMax; from the second S1DSS, S1CIR,
 *       S1COR, S1CSH, S1STALLD and EATS. All other bits are 0
 *
 * Config is abort, bypass or stage 1; an entry that is not valid is an abort. Pointers are
 * addresses of the guest. EATS is 0 or 1. Anything else is EIO.
 */
struct iommu_hwpt_arm_smmuv3 {
	__aligned_le64 ste[2];
};

/**
 * enum iommu_hwpt_data_type - format of the blob at @data_uptr
 * @IOMMU_HWPT_DATA_NONE: no blob
 * @IOMMU_HWPT_DATA_ARM_SMMUV3: struct iommu_hwpt_arm_smmuv3, on a virtual IOMMU
 */
enum iommu_hwpt_data_type {
	IOMMU_HWPT_DATA_NONE = 0,
	IOMMU_HWPT_DATA_ARM_SMMUV3 = 2,
};

/**
 * struct iommu_hwpt_alloc - ioctl(IOMMU_HWPT_ALLOC)
 * @size: sizeof(struct iommu_hwpt_alloc)
 * @flags: mask of enum iommufd_hwpt_alloc_flags
 * @dev_id: bound device whose IOMMU the page table is for
 * @pt_id: address space the page table mirrors, or the page table made with
 *         IOMMU_HWPT_ALLOC_NEST_PARENT that it is nested in, or the virtual IOMMU
 *         that it belongs to
 * @out_hwpt_id: ID of the new page table
 * @__reserved: 0
 * @data_type: one of enum iommu_hwpt_data_type
 * @data_len: length of the blob in bytes, 0 without a blob
 * @data_uptr: address of the blob
 * @fault_id: fault queue, with IOMMU_HWPT_FAULT_ID_VALID
 * @__reserved2: not looked at
 *
 * On an address space the new page table is the kernel's, and already holds
 * every mapping. On a parent it is user space's, in a format that the blob
 * describes: its addresses are translated once more by the parent, which for a
 * virtual IOMMU is that of the latter.
 */
struct iommu_hwpt_alloc {
	__u32 size;
	__u32 flags;
	__u32 dev_id;
	__u32 pt_id;
	__u32 out_hwpt_id;
	__u32 __reserved;
	__u32 data_type;
	__u32 data_len;
	__aligned_u64 data_uptr;
	__u32 fault_id;
	__u32 __reserved2;
};

#define IOMMU_HWPT_ALLOC _IO(IOMMUFD_TYPE, IOMMUFD_CMD_HWPT_ALLOC)

/**
 * enum iommu_hw_info_arm_smmuv3_flags - flags of struct iommu_hw_info_arm_smmuv3
 * @IOMMU_HW_INFO_ARM_SMMUV3_ERRATA_REPEAT_TLBI_CFGI: an invalidation of TLBs or of cached
 *    structures has to be sent a second time, after its CMD_SYNC has completed
 */
enum iommu_hw_info_arm_smmuv3_flags {
	IOMMU_HW_INFO_ARM_SMMUV3_ERRATA_REPEAT_TLBI_CFGI = 1 << 0,
};

/**
 * struct iommu_hw_info_arm_smmuv3 - registers of an Arm SMMUv3, as they are read
 * @flags: mask of enum iommu_hw_info_arm_smmuv3_flags
 * @__reserved: 0
 * @idr: SMMU_IDR0 to SMMU_IDR5
 * @iidr: SMMU_IIDR
 * @aidr: SMMU_AIDR
 *
 * Not all that the hardware has can be given to a guest. What a VMM may go by:
 * IDR0: ST_LEVEL, TERM_MODEL, STALL_MODEL, TTENDIAN, CD2L, ASID16, TTF; IDR1: SIDSIZE,
 * SSIDSIZE; IDR3: BBML, RIL; IDR5: VAX, GRAN64K, GRAN16K, GRAN4K, DS.
 */
struct iommu_hw_info_arm_smmuv3 {
	__u32 flags;
	__u32 __reserved;
	__u32 idr[6];
	__u32 iidr;
	__u32 aidr;
};

/**
 * enum iommu_hw_info_type - format of the register blob of GET_HW_INFO
 * @IOMMU_HW_INFO_TYPE_NONE: the driver reports no registers
 * @IOMMU_HW_INFO_TYPE_DEFAULT: as input, whatever the driver reports
 * @IOMMU_HW_INFO_TYPE_ARM_SMMUV3: struct iommu_hw_info_arm_smmuv3
 */
enum iommu_hw_info_type {
	IOMMU_HW_INFO_TYPE_NONE = 0,
	IOMMU_HW_INFO_TYPE_DEFAULT = 0,
	IOMMU_HW_INFO_TYPE_ARM_SMMUV3 = 2,
};

/**
 * enum iommufd_hw_capabilities - bits of @out_capabilities
 * @IOMMU_HW_CAP_DIRTY_TRACKING: HWPT_ALLOC takes DIRTY_TRACKING for the device
 * @IOMMU_HW_CAP_PCI_PASID_EXEC: the device may ask for execute permission
 *    with a PASID
 * @IOMMU_HW_CAP_PCI_PASID_PRIV: the device may make privileged accesses with a
 *    PASID
 * @IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED: the device cannot use ATS here
 */
enum iommufd_hw_capabilities {
	IOMMU_HW_CAP_DIRTY_TRACKING = 1 << 0,
	IOMMU_HW_CAP_PCI_PASID_EXEC = 1 << 1,
	IOMMU_HW_CAP_PCI_PASID_PRIV = 1 << 2,
	IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED = 1 << 3,
};

/**
 * enum iommufd_hw_info_flags - flags of IOMMU_GET_HW_INFO
 * @IOMMU_HW_INFO_FLAG_INPUT_TYPE: @in_data_type names the blob that is wanted
 */
enum iommufd_hw_info_flags {
	IOMMU_HW_INFO_FLAG_INPUT_TYPE = 1 << 0,
};

/**
 * struct iommu_hw_info - ioctl(IOMMU_GET_HW_INFO)
 * @size: sizeof(struct iommu_hw_info)
 * @flags: mask of enum iommufd_hw_info_flags
 * @dev_id: bound device
 * @data_len: in: length of the buffer in bytes; out: length of the whole blob
 * @data_uptr: address of a buffer for the blob
 * @in_data_type: blob wanted, with IOMMU_HW_INFO_FLAG_INPUT_TYPE
 * @out_data_type: one of enum iommu_hw_info_type
 * @out_max_pasid_log2: width of the PASIDs the device can use, 0 for none
 * @__reserved: 0
 * @out_capabilities: mask of enum iommufd_hw_capabilities
 *
 * A buffer longer than the blob is padded with zeroes, a shorter one gets the
 * first @data_len bytes.
 */
struct iommu_hw_info {
	__u32 size;
	__u32 flags;
	__u32 dev_id;
	__u32 data_len;
	__aligned_u64 data_uptr;
	union {
		__u32 in_data_type;
		__u32 out_data_type;
	};
	__u8 out_max_pasid_log2;
	__u8 __reserved[3];
	__aligned_u64 out_capabilities;
};

#define IOMMU_GET_HW_INFO _IO(IOMMUFD_TYPE, IOMMUFD_CMD_GET_HW_INFO)

/**
 * enum iommufd_hwpt_set_dirty_tracking_flags - flags of
 *    IOMMU_HWPT_SET_DIRTY_TRACKING
 * @IOMMU_HWPT_DIRTY_TRACKING_ENABLE: record from now on; off without it
 */
enum iommufd_hwpt_set_dirty_tracking_flags {
	IOMMU_HWPT_DIRTY_TRACKING_ENABLE = 1,
};

/**
 * struct iommu_hwpt_set_dirty_tracking - ioctl(IOMMU_HWPT_SET_DIRTY_TRACKING)
 * @size: sizeof(struct iommu_hwpt_set_dirty_tracking)
 * @flags: mask of enum iommufd_hwpt_set_dirty_tracking_flags
 * @hwpt_id: page table made with IOMMU_HWPT_ALLOC_DIRTY_TRACKING
 * @__reserved: not looked at
 *
 * Switching it on forgets what was recorded before.
 */
struct iommu_hwpt_set_dirty_tracking {
	__u32 size;
	__u32 flags;
	__u32 hwpt_id;
	__u32 __reserved;
};

#define IOMMU_HWPT_SET_DIRTY_TRACKING \
	_IO(IOMMUFD_TYPE, IOMMUFD_CMD_HWPT_SET_DIRTY_TRACKING)

/**
 * enum iommufd_hwpt_get_dirty_bitmap_flags - flags of
 *    IOMMU_HWPT_GET_DIRTY_BITMAP
 * @IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR: leave the record as it is. For the
 *    last reading before the mappings go away, and cheaper: no IOTLB flush
 */
enum iommufd_hwpt_get_dirty_bitmap_flags {
	IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR = 1,
};

/**
 * struct iommu_hwpt_get_dirty_bitmap - ioctl(IOMMU_HWPT_GET_DIRTY_BITMAP)
 * @size: sizeof(struct iommu_hwpt_get_dirty_bitmap)
 * @hwpt_id: page table made with IOMMU_HWPT_ALLOC_DIRTY_TRACKING
 * @flags: mask of enum iommufd_hwpt_get_dirty_bitmap_flags
 * @__reserved: 0
 * @iova: first address
 * @length: bytes to look at
 * @page_size: bytes that one bit stands for
 * @data: address of the bitmap, little endian, any alignment
 *
 * Sets the bit of every page that a device wrote since the last reading, and
 * clears none. What is not mapped counts as not written. Reading also resets
 * the record: a page is reported by one reading, or again by the next.
 */
struct iommu_hwpt_get_dirty_bitmap {
	__u32 size;
	__u32 hwpt_id;
	__u32 flags;
	__u32 __reserved;
	__aligned_u64 iova;
	__aligned_u64 length;
	__aligned_u64 page_size;
	__aligned_u64 data;
};

#define IOMMU_HWPT_GET_DIRTY_BITMAP \
	_IO(IOMMUFD_TYPE, IOMMUFD_CMD_HWPT_GET_DIRTY_BITMAP)

/**
 * struct iommu_viommu_arm_smmuv3_invalidate - command of a guest's Arm SMMUv3
 * @cmd: 128 bits as the command queue of an SMMU has them, little endian
 *
 * CMD_TLBI_NSNH_ALL, CMD_TLBI_NH_ALL, CMD_TLBI_NH_ASID, CMD_TLBI_NH_VA, CMD_TLBI_NH_VAA,
 * CMD_CFGI_CD, CMD_CFGI_CD_ALL and CMD_ATC_INV. The VMID does not matter, stream IDs are the
 * guest's. A command is complete when the call returns. All others, and bits that such a
 * command or the hardware does not have, are EIO.
 */
struct iommu_viommu_arm_smmuv3_invalidate {
	__aligned_le64 cmd[2];
};

/**
 * enum iommu_hwpt_invalidate_data_type - format of the requests of IOMMU_HWPT_INVALIDATE
 * @IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3: struct iommu_viommu_arm_smmuv3_invalidate, on a
 *    virtual IOMMU
 */
enum iommu_hwpt_invalidate_data_type {
	IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3 = 1,
};

/**
 * struct iommu_hwpt_invalidate - ioctl(IOMMU_HWPT_INVALIDATE)
 * @size: sizeof(struct iommu_hwpt_invalidate)
 * @hwpt_id: nested page table whose cached entries are stale, or virtual IOMMU
 * @data_uptr: address of an array of requests
 * @data_type: format of the requests, which belongs to the IOMMU
 * @entry_len: bytes from one request to the next
 * @entry_num: in: number of requests; out: how many of them were done, also
 *             when the call fails
 * @__reserved: 0
 *
 * The first request that fails ends the call. No requests at all only ask
 * whether @data_type is known.
 */
struct iommu_hwpt_invalidate {
	__u32 size;
	__u32 hwpt_id;
	__aligned_u64 data_uptr;
	__u32 data_type;
	__u32 entry_len;
	__u32 entry_num;
	__u32 __reserved;
};

#define IOMMU_HWPT_INVALIDATE _IO(IOMMUFD_TYPE, IOMMUFD_CMD_HWPT_INVALIDATE)

/**
 * enum iommu_viommu_type - which part of an IOMMU a guest gets
 * @IOMMU_VIOMMU_TYPE_DEFAULT: none
 * @IOMMU_VIOMMU_TYPE_ARM_SMMUV3: stage 1 of an Arm SMMUv3, without data of its own
 */
enum iommu_viommu_type {
	IOMMU_VIOMMU_TYPE_DEFAULT = 0,
	IOMMU_VIOMMU_TYPE_ARM_SMMUV3 = 1,
};

/**
 * struct iommu_viommu_alloc - ioctl(IOMMU_VIOMMU_ALLOC)
 * @size: sizeof(struct iommu_viommu_alloc)
 * @flags: 0
 * @type: one of enum iommu_viommu_type
 * @dev_id: bound device whose IOMMU it is a part of
 * @hwpt_id: page table made with IOMMU_HWPT_ALLOC_NEST_PARENT, by which everything is
 *           translated once more
 * @out_viommu_id: ID of the new virtual IOMMU
 * @data_len: length of the data in bytes, 0 without
 * @__reserved: not looked at
 * @data_uptr: address of data in the format of @type, which may hold results, too
 *
 * It is what the kernel does for the IOMMU that a VMM shows to its guest: nested page
 * tables (HWPT_ALLOC), invalidations (HWPT_INVALIDATE), names of devices, events and
 * queues. Some types have registers that are mapped by mmap() on this descriptor, at an
 * offset that the data tells.
 */
struct iommu_viommu_alloc {
	__u32 size;
	__u32 flags;
	__u32 type;
	__u32 dev_id;
	__u32 hwpt_id;
	__u32 out_viommu_id;
	__u32 data_len;
	__u32 __reserved;
	__aligned_u64 data_uptr;
};

#define IOMMU_VIOMMU_ALLOC _IO(IOMMUFD_TYPE, IOMMUFD_CMD_VIOMMU_ALLOC)

/**
 * struct iommu_vdevice_alloc - ioctl(IOMMU_VDEVICE_ALLOC)
 * @size: sizeof(struct iommu_vdevice_alloc)
 * @viommu_id: virtual IOMMU that the guest sees the device behind
 * @dev_id: bound device
 * @out_vdevice_id: ID of the new object
 * @virt_id: what the guest's IOMMU knows the device as: a stream ID, or a requester ID
 *
 * A device has one of these at most. When it is unbound this goes, too; its ID is not
 * used again.
 */
struct iommu_vdevice_alloc {
	__u32 size;
	__u32 viommu_id;
	__u32 dev_id;
	__u32 out_vdevice_id;
	__aligned_u64 virt_id;
};

#define IOMMU_VDEVICE_ALLOC _IO(IOMMUFD_TYPE, IOMMUFD_CMD_VDEVICE_ALLOC)

/**
 * enum iommu_veventq_flag - what is said about an event
 * @IOMMU_VEVENTQ_FLAG_LOST_EVENTS: there is no event here. Those up to @sequence were
 *    lost, because the queue was full
 */
enum iommu_veventq_flag {
	IOMMU_VEVENTQ_FLAG_LOST_EVENTS = 1 << 0,
};

/**
 * struct iommufd_vevent_header - what each event begins with
 * @flags: mask of enum iommu_veventq_flag
 * @sequence: number of the event, from 0 to INT_MAX and then from 0 again. A step of more
 *            than one says that events before it were lost
 */
struct iommufd_vevent_header {
	__u32 flags;
	__u32 sequence;
};

/**
 * struct iommu_vevent_arm_smmuv3 - event of a device behind a guest's Arm SMMUv3
 * @evt: 256 bits as the event queue of an SMMU has them, little endian, with the guest's
 *       stream ID. The number is that of F_TRANSLATION, F_ADDR_SIZE, F_ACCESS,
 *       F_PERMISSION, C_BAD_STE, F_STREAM_DISABLED, C_BAD_SUBSTREAMID or C_BAD_CD
 */
struct iommu_vevent_arm_smmuv3 {
	__aligned_le64 evt[4];
};

/**
 * enum iommu_veventq_type - format of the events of a queue
 * @IOMMU_VEVENTQ_TYPE_DEFAULT: none
 * @IOMMU_VEVENTQ_TYPE_ARM_SMMUV3: struct iommu_vevent_arm_smmuv3
 */
enum iommu_veventq_type {
	IOMMU_VEVENTQ_TYPE_DEFAULT = 0,
	IOMMU_VEVENTQ_TYPE_ARM_SMMUV3 = 1,
};

/**
 * struct iommu_veventq_alloc - ioctl(IOMMU_VEVENTQ_ALLOC)
 * @size: sizeof(struct iommu_veventq_alloc)
 * @flags: 0
 * @viommu_id: virtual IOMMU whose events are wanted
 * @type: one of enum iommu_veventq_type; there is one queue for each
 * @veventq_depth: how many events can wait
 * @out_veventq_id: ID of the new queue
 * @out_veventq_fd: descriptor to read them from: struct iommufd_vevent_header and the
 *                  event in the format of @type
 * @__reserved: 0
 */
struct iommu_veventq_alloc {
	__u32 size;
	__u32 flags;
	__u32 viommu_id;
	__u32 type;
	__u32 veventq_depth;
	__u32 out_veventq_id;
	__u32 out_veventq_fd;
	__u32 __reserved;
};

#define IOMMU_VEVENTQ_ALLOC _IO(IOMMUFD_TYPE, IOMMUFD_CMD_VEVENTQ_ALLOC)

/**
 * enum iommu_hw_queue_type - which queues hardware can read from a guest's memory
 * @IOMMU_HW_QUEUE_TYPE_DEFAULT: none
 */
enum iommu_hw_queue_type {
	IOMMU_HW_QUEUE_TYPE_DEFAULT = 0,
};

/**
 * struct iommu_hw_queue_alloc - ioctl(IOMMU_HW_QUEUE_ALLOC)
 * @size: sizeof(struct iommu_hw_queue_alloc)
 * @flags: 0
 * @viommu_id: virtual IOMMU
 * @type: one of enum iommu_hw_queue_type
 * @index: which queue of that type
 * @out_hw_queue_id: ID of the new queue
 * @nesting_parent_iova: address of its memory, as the parent of the virtual IOMMU
 *                       translates it
 * @length: its length in bytes
 *
 * The memory must be physically contiguous. It cannot be unmapped while the queue exists.
 */
struct iommu_hw_queue_alloc {
	__u32 size;
	__u32 flags;
	__u32 viommu_id;
	__u32 type;
	__u32 index;
	__u32 out_hw_queue_id;
	__aligned_u64 nesting_parent_iova;
	__aligned_u64 length;
};

#define IOMMU_HW_QUEUE_ALLOC _IO(IOMMUFD_TYPE, IOMMUFD_CMD_HW_QUEUE_ALLOC)

/**
 * struct iommu_fault_alloc - ioctl(IOMMU_FAULT_QUEUE_ALLOC)
 * @size: sizeof(struct iommu_fault_alloc)
 * @flags: 0
 * @out_fault_id: ID of the new fault queue, for @fault_id of struct iommu_hwpt_alloc
 * @out_fault_fd: descriptor to read page faults from, as struct iommu_hwpt_pgfault,
 *                and to write answers to, as struct iommu_hwpt_page_response
 *
 * Devices that are attached to page tables made with the queue ask for pages which
 * those do not have. Closing the descriptor answers all faults as invalid.
 */
struct iommu_fault_alloc {
	__u32 size;
	__u32 flags;
	__u32 out_fault_id;
	__u32 out_fault_fd;
};

#define IOMMU_FAULT_QUEUE_ALLOC \
	_IO(IOMMUFD_TYPE, IOMMUFD_CMD_FAULT_QUEUE_ALLOC)

/**
 * enum iommu_hwpt_pgfault_flags - what is said about a page fault
 * @IOMMU_PGFAULT_FLAGS_PASID_VALID: the access was made with @pasid
 * @IOMMU_PGFAULT_FLAGS_LAST_PAGE: the last fault of its group
 */
enum iommu_hwpt_pgfault_flags {
	IOMMU_PGFAULT_FLAGS_PASID_VALID = 1 << 0,
	IOMMU_PGFAULT_FLAGS_LAST_PAGE = 1 << 1,
};

/**
 * enum iommu_hwpt_pgfault_perm - what a device wants to do with a page
 * @IOMMU_PGFAULT_PERM_READ: read it
 * @IOMMU_PGFAULT_PERM_WRITE: write to it
 * @IOMMU_PGFAULT_PERM_EXEC: execute it
 * @IOMMU_PGFAULT_PERM_PRIV: do so in a privileged mode
 */
enum iommu_hwpt_pgfault_perm {
	IOMMU_PGFAULT_PERM_READ = 1 << 0,
	IOMMU_PGFAULT_PERM_WRITE = 1 << 1,
	IOMMU_PGFAULT_PERM_EXEC = 1 << 2,
	IOMMU_PGFAULT_PERM_PRIV = 1 << 3,
};

/**
 * struct iommu_hwpt_pgfault - a page fault, as read from a fault queue
 * @flags: mask of enum iommu_hwpt_pgfault_flags
 * @dev_id: bound device that made the access
 * @pasid: its PASID, with IOMMU_PGFAULT_FLAGS_PASID_VALID
 * @grpid: number that the device gave to the group
 * @perm: mask of enum iommu_hwpt_pgfault_perm
 * @__reserved: 0
 * @addr: address of the access
 * @length: 0
 * @cookie: number of the group, for its answer; all faults of the group have it
 *
 * The device waits for one answer to all faults of a group. A read returns whole
 * groups.
 */
struct iommu_hwpt_pgfault {
	__u32 flags;
	__u32 dev_id;
	__u32 pasid;
	__u32 grpid;
	__u32 perm;
	__u32 __reserved;
	__aligned_u64 addr;
	__u32 length;
	__u32 cookie;
};

/**
 * enum iommufd_page_response_code - answer to a group of page faults
 * @IOMMUFD_PAGE_RESP_SUCCESS: the pages are there now: make the accesses again
 * @IOMMUFD_PAGE_RESP_INVALID: they will not be: the accesses fail
 */
enum iommufd_page_response_code {
	IOMMUFD_PAGE_RESP_SUCCESS = 0,
	IOMMUFD_PAGE_RESP_INVALID = 1,
};

/**
 * struct iommu_hwpt_page_response - answer, as written to a fault queue
 * @cookie: number of the group
 * @code: one of enum iommufd_page_response_code
 */
struct iommu_hwpt_page_response {
	__u32 cookie;
	__u32 code;
};

/**
 * struct iommu_ioas_noiommu_get_pa - ioctl(IOMMU_IOAS_NOIOMMU_GET_PA)
 * @size: sizeof(struct iommu_ioas_noiommu_get_pa)
 * @flags: 0
 * @ioas_id: address space that a device without an IOMMU is attached to
 * @__reserved: 0
 * @iova: address to look up
 * @length: in: bytes that matter; out: how many of them are contiguous, within
 *          one mapping
 * @out_phys: physical address of the first
 *
 * The memory stays there until it is unmapped or the last such device is
 * detached. For holders of CAP_SYS_RAWIO.
 */
struct iommu_ioas_noiommu_get_pa {
	__u32 size;
	__u32 flags;
	__u32 ioas_id;
	__u32 __reserved;
	__aligned_u64 iova;
	__aligned_u64 length;
	__aligned_u64 out_phys;
};

#define IOMMU_IOAS_NOIOMMU_GET_PA \
	_IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_NOIOMMU_GET_PA)

#endif
