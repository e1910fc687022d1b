import type { FailureOf } from "../failure/failure.ts";
import { invalidArgument } from "../failure/frequent-failures.ts";
import { fail, ok, type Result } from "../failure/result.ts";
import { bytesToGibRoundedUp, gibToBytes } from "../primitives/units.ts";
import type { DiskSku } from "./disk-sku.ts";
import { skuRules } from "./sku-rules.ts";

/** CSI's CapacityRange; zero means not stated. */
export interface CapacityRange {
  readonly requiredBytes: bigint;
  readonly limitBytes: bigint;
}

interface SizedDisk {
  readonly skuName: DiskSku;
  /** Only disks of a certain size have it, so a smaller one is made that large, as V1 does. */
  readonly enablePerformancePlus?: boolean | undefined;
}

/**
 * The disk size for a capacity range: the required size rounded up to whole GiB, at least the SKU's
 * minimum. Fails with `InvalidArgument` where the range contradicts itself, and with `OutOfRange` where
 * no disk of the SKU lies in it.
 */
export function chooseDiskSize(
  range: CapacityRange,
  { skuName, enablePerformancePlus }: SizedDisk,
): Result<{ readonly sizeGiB: number }, FailureOf<"InvalidArgument" | "OutOfRange">> {
  const contradiction = findContradiction(range);
  if (contradiction !== undefined) return fail(contradiction);
  const { sizeMinGiB, performancePlusMinGiB = 0, sizeMaxGiB: maxGiB } = skuRules[skuName];
  const leastGiB = Math.max(sizeMinGiB, enablePerformancePlus === true ? performancePlusMinGiB : 0);
  const sizeGiB = Math.max(bytesToGibRoundedUp(range.requiredBytes), leastGiB);
  if (sizeGiB > maxGiB) {
    return fail(
      outOfRange(
        "capacity_range.required_bytes",
        range.requiredBytes,
        `the largest ${skuName} disk has ${maxGiB} GiB (${gibToBytes(maxGiB)} bytes)`,
      ),
    );
  }
  if (range.limitBytes > 0n && gibToBytes(sizeGiB) > range.limitBytes) {
    const problem =
      `the smallest ${skuName} disk for ${range.requiredBytes} bytes has ${sizeGiB} GiB ` +
      `(${gibToBytes(sizeGiB)} bytes), above the limit; raise the limit to a whole GiB`;
    return fail(outOfRange("capacity_range.limit_bytes", range.limitBytes, problem));
  }
  return ok({ sizeGiB });
}

export function isSizeWithin(range: CapacityRange, sizeGiB: number): boolean {
  const size = gibToBytes(sizeGiB);
  return size >= range.requiredBytes && (range.limitBytes === 0n || size <= range.limitBytes);
}

function findContradiction(range: CapacityRange): FailureOf<"InvalidArgument"> | undefined {
  if (range.requiredBytes < 0n)
    return invalidArgument("capacity_range.required_bytes", range.requiredBytes, "must not be negative");
  if (range.limitBytes < 0n)
    return invalidArgument("capacity_range.limit_bytes", range.limitBytes, "must not be negative");
  if (range.limitBytes > 0n && range.requiredBytes > range.limitBytes) {
    return invalidArgument(
      "capacity_range.required_bytes",
      range.requiredBytes,
      `must not be above limit_bytes (${range.limitBytes})`,
    );
  }
  return undefined;
}

function outOfRange(field: string, value: bigint, problem: string): FailureOf<"OutOfRange"> {
  return { kind: "OutOfRange", field, value: String(value), problem };
}
