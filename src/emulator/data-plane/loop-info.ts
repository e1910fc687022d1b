/**
 * `struct loop_info64` of linux/loop.h, as filled in by LOOP_GET_STATUS64 and accepted by LOOP_SET_STATUS64
 * and LOOP_CONFIGURE.
 */
export const LOOP_INFO_BYTES = 232;

const OFFSET_AT = 24;
const SIZE_LIMIT_AT = 32;
const FLAGS_AT = 52;

const CONFIG_BYTES = 304;
const CONFIG_FD_AT = 0;
const CONFIG_INFO_AT = 8;

const FLAG_DIRECT_IO = 16;

/**
 * The offset of a cut device in its file: 4 EiB, beyond its end and beyond what any ext4 file can have. The
 * kernel then gives the device the size 0 and fails every new read and write. A write that was past this
 * check, but not yet in the queue that the ioctl drains, is still carried out, but at that offset: the file
 * system answers EFBIG, and no byte of the disk changes. With a size limit alone such a write would reach
 * its old place.
 */
export const CUT_OFFSET_BYTES = 2n ** 62n;

/** One sector: the remaining size of a device that is cut by the limit alone. */
const CUT_SIZE_LIMIT_BYTES = 512n;

/** The `struct loop_config` that binds a device to the open file `fd`, with direct I/O. */
export function loopConfig(fd: number): Uint8Array {
  const config = Buffer.alloc(CONFIG_BYTES);
  config.writeUInt32LE(fd, CONFIG_FD_AT);
  config.writeUInt32LE(FLAG_DIRECT_IO, CONFIG_INFO_AT + FLAGS_AT);
  return config;
}

/** Whether the device bypasses the page cache of its file. */
export function hasDirectIo(info: Buffer): boolean {
  return (info.readUInt32LE(FLAGS_AT) & FLAG_DIRECT_IO) !== 0;
}

/** Moves the device to an offset without data. */
export function withoutItsBytes(info: Buffer): Buffer {
  const cut = Buffer.from(info);
  cut.writeBigUInt64LE(CUT_OFFSET_BYTES, OFFSET_AT);
  cut.writeBigUInt64LE(CUT_SIZE_LIMIT_BYTES, SIZE_LIMIT_AT);
  return cut;
}
