import { wrongDevice } from "../../../core/failure/frequent-failures.ts";
import type { Result } from "../../../core/failure/result.ts";
import { ok } from "../../../core/failure/result.ts";
import { dumpSuperArgs, parseBtrfsSuper } from "../../../core/node/btrfs/parse-btrfs-super.ts";
import {
  judgeDeviceContent,
  parseBlkidExport,
  parseWipefsTypes,
} from "../../../core/node/device/judge-device-content.ts";
import type { ContentWitnesses, DeviceContent } from "../../../core/node/device/judge-device-content.ts";
import { middleSamples, SAMPLE_BYTES } from "../../../core/node/device/middle-samples.ts";
import { typesMountedAs } from "../../../core/volume/device/file-system.ts";
import type { Device, FileSystemOn } from "../../../ports/host/host-provisioner.ts";
import { commandFailed } from "../command/command-failed.ts";
import type { HostCommand } from "../command/command-runner.ts";
import { inspecting } from "../command/device-commands.ts";
import type { HostContext } from "../host-context.ts";
import { readDeviceAttribute } from "./block-device.ts";
import { type DevicePart, holdsData } from "./holds-data.ts";

/** The parts of the host that a look at a device needs. */
type InspectedHost = Pick<HostContext, "sysRoot" | "runner" | "limits">;

/** How much of each end of a device is read raw. */
const endBytes = 1024n * 1024n;

/** A direct read starts at a multiple of this: the largest sector size that Azure's disks have. */
const alignmentBytes = 4096n;

/** Exit codes of `blkid -p` (blkid(8)). */
const blkidFoundNothing = 2;
const blkidAmbivalent = 8;

/**
 * Checks what is on a device. A signature that blkid names decides alone, as on every stage but the
 * first: each further witness costs a command. If blkid finds nothing, wipefs and the device's own blocks
 * have to agree: both ends, and samples of what is between.
 */
export async function inspectDevice(
  host: InspectedHost,
  device: Device,
  signal: AbortSignal,
): Promise<Result<DeviceContent>> {
  const samples = middleSamples(device.sizeBytes).map((offset) => ({ offset, sizeBytes: SAMPLE_BYTES }));
  return await inspectParts(host, device, samples, signal);
}

/**
 * The same without the samples: between the ends of a device that was erased after an unfinished format, the
 * rest of that is left.
 */
export async function inspectEnds(
  host: InspectedHost,
  device: Device,
  signal: AbortSignal,
): Promise<Result<DeviceContent>> {
  return await inspectParts(host, device, [], signal);
}

async function inspectParts(
  host: InspectedHost,
  device: Device,
  samples: readonly DevicePart[],
  signal: AbortSignal,
): Promise<Result<DeviceContent>> {
  const blkid = await contentByBlkid(host, device, [], signal);
  if (!blkid.ok) return blkid;
  if (blkid.value !== "nothing" && blkid.value !== "ambivalent")
    return judgeNamed(host, device, blkid.value, signal);
  const wipefs = inspecting(host, "wipefs", ["--no-act", "--json", device.path], [device.majorMinor]);
  const [wipefsTypes, nonZeroParts] = await Promise.all([
    printedBy(host, wipefs, parseWipefsTypes, signal),
    readParts(host, device, samples, signal),
  ]);
  if (!wipefsTypes.ok) return wipefsTypes;
  if (!nonZeroParts.ok) return nonZeroParts;
  return ok(
    judgeDeviceContent({
      blkid: blkid.value,
      wipefsTypes: wipefsTypes.value,
      nonZeroParts: nonZeroParts.value,
    }),
  );
}

/**
 * Looks for a file system of one type only. What a pod has written may hide it from `inspectDevice`: the last
 * sector of a full disk that begins with `JM` is a member of a JMicron RAID to blkid, which then names no
 * file system.
 */
export async function inspectFileSystem(
  host: InspectedHost,
  { device, fsType }: FileSystemOn,
  signal: AbortSignal,
): Promise<Result<DeviceContent>> {
  const blkid = await contentByBlkid(host, device, ["-n", typesMountedAs(fsType).join(",")], signal);
  if (!blkid.ok) return blkid;
  return blkid.value === "nothing" || blkid.value === "ambivalent"
    ? ok({ kind: "otherData", detail: `no ${fsType}` })
    : judgeNamed(host, device, blkid.value, signal);
}

/** Judges what blkid names alone: no other witness is asked. */
async function judgeNamed(
  host: InspectedHost,
  device: Device,
  blkid: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Result<DeviceContent>> {
  // blkid does not say on how many devices a btrfs is.
  const dumpSuper = inspecting(host, "btrfs", [...dumpSuperArgs, device.path], [device.majorMinor]);
  const btrfs =
    blkid["TYPE"] === "btrfs" ? await printedBy(host, dumpSuper, parseBtrfsSuper, signal) : ok(undefined);
  return btrfs.ok
    ? ok(judgeDeviceContent({ blkid, btrfs: btrfs.value, wipefsTypes: [], nonZeroParts: [] }))
    : btrfs;
}

/** What blkid finds, by the probes that `filter` leaves. */
async function contentByBlkid(
  host: InspectedHost,
  device: Device,
  filter: readonly string[],
  signal: AbortSignal,
): Promise<Result<ContentWitnesses["blkid"]>> {
  const asked = await askBlkid(host, device, filter, signal);
  if (!asked.ok) return asked;
  const partition = await readDeviceAttribute(host.sysRoot, device.majorMinor, "partition");
  return partition === undefined ? asked : contentOfPartition(device, partition, asked.value);
}

/**
 * What blkid says of a partition's content, apart from its entry in the disk's table. Fails with
 * `WrongDevice` where the kernel's table is not the disk's: another machine may have changed it.
 */
function contentOfPartition(
  { path }: Device,
  number: string,
  found: ContentWitnesses["blkid"],
): Result<ContentWitnesses["blkid"]> {
  if (found === "ambivalent") return ok(found);
  const fields = found === "nothing" ? {} : found;
  const onDisk = fields["PART_ENTRY_NUMBER"];
  if (onDisk !== number)
    return wrongDevice(
      path,
      `the kernel has it as partition ${number}, and the table on the disk has ` +
        `${onDisk === undefined ? "none" : `partition ${onDisk}`} in its place: detach the disk, or have its ` +
        "table read again (partx --update)",
    );
  const content = Object.entries(fields).filter(
    ([name]) => name !== "DEVNAME" && !name.startsWith("PART_ENTRY_"),
  );
  return ok(content.length === 0 ? "nothing" : Object.fromEntries(content));
}

async function askBlkid(
  host: InspectedHost,
  device: Device,
  filter: readonly string[],
  signal: AbortSignal,
): Promise<Result<ContentWitnesses["blkid"]>> {
  const args = ["-p", ...filter, "-o", "export", device.path];
  const command = inspecting(host, "blkid", args, [device.majorMinor]);
  const exit = await host.runner.run(command, signal);
  if (!exit.ok) return exit;
  if (exit.value.exitCode === blkidFoundNothing) return ok("nothing");
  if (exit.value.exitCode === blkidAmbivalent) return ok("ambivalent");
  return exit.value.exitCode === 0
    ? ok(parseBlkidExport(exit.value.stdout.toString("utf8")))
    : commandFailed(command, exit.value);
}

/** What a program prints of a device. Fails where it fails, and where `parse` finds nothing. */
async function printedBy<T>(
  host: InspectedHost,
  command: HostCommand,
  parse: (printed: string) => T | undefined,
  signal: AbortSignal,
): Promise<Result<T>> {
  const exit = await host.runner.run(command, signal);
  if (!exit.ok) return exit;
  const found = exit.value.exitCode === 0 ? parse(exit.value.stdout.toString("utf8")) : undefined;
  return found === undefined ? commandFailed(command, exit.value) : ok(found);
}

/** Which parts of a device hold data. The samples count where both ends are zeros. */
async function readParts(
  host: InspectedHost,
  device: Device,
  samples: readonly DevicePart[],
  signal: AbortSignal,
): Promise<Result<ContentWitnesses["nonZeroParts"]>> {
  const lastBytes = device.sizeBytes > endBytes ? device.sizeBytes - endBytes : 0n;
  const sizeBytes = endBytes + alignmentBytes;
  const ends = [
    { offset: 0n, sizeBytes },
    { offset: lastBytes - (lastBytes % alignmentBytes), sizeBytes },
  ];
  const found = await holdsData(host, device, [...ends, ...samples], signal);
  if (!found.ok) return found;
  const [start = false, end = false, ...middle] = found.value;
  if (start || end) return ok([...(start ? (["start"] as const) : []), ...(end ? (["end"] as const) : [])]);
  return ok(middle.includes(true) ? ["middle"] : []);
}
