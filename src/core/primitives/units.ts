declare const bytesBrand: unique symbol;

/** A size in bytes. Branded, so that a count of GiB can't pass for one. */
export type Bytes = bigint & { readonly [bytesBrand]: true };

const BYTES_PER_GIB = 1024n ** 3n;

/** Brands a number of bytes. */
export function bytes(value: bigint): Bytes {
  return value as Bytes;
}

/** Converts whole GiB to bytes. */
export function gibToBytes(sizeGiB: number): Bytes {
  return (BigInt(sizeGiB) * BYTES_PER_GIB) as Bytes;
}

/**
 * Whether a disk that Azure shows with `sizeGiB` can have so many bytes. One that was made of an uploaded VHD
 * need not have whole GiB, and which way Azure rounds is documented nowhere.
 */
export function isShownAsGib(size: bigint, sizeGiB: number): boolean {
  return size > gibToBytes(sizeGiB - 1) && size < gibToBytes(sizeGiB + 1);
}

/** Converts bytes to GiB, rounded up: Azure sells whole GiB. */
export function bytesToGibRoundedUp(size: bigint): number {
  return Number((size + BYTES_PER_GIB - 1n) / BYTES_PER_GIB);
}
