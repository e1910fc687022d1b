import type { Failure } from "../../../core/failure/failure.ts";
import type { Result } from "../../../core/failure/result.ts";
import { fail, ok } from "../../../core/failure/result.ts";
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
import { commandFailed, runToSuccess } from "../command/command-failed.ts";
import type { HostCommand } from "../command/command-runner.ts";
import type { HostContext } from "../host-context.ts";
import { readDeviceAttribute } from "./block-device.ts";

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
  host: HostContext,
  device: Device,
  signal: AbortSignal,
): Promise<Result<DeviceContent, Failure>> {
  const content = await inspectEnds(host, device, signal);
  if (!content.ok || content.value.kind !== "blank") return content;
  const isBlank = await isBlankBetween(host, device, signal);
  if (!isBlank.ok) return isBlank;
  const nonZeroParts = isBlank.value ? [] : (["middle"] as const);
  return ok(judgeDeviceContent({ blkid: "nothing", wipefsTypes: [], nonZeroParts }));
}

/**
 * The same without the samples: between the ends of a device that was erased after an unfinished format, the
 * rest of that is left.
 */
export async function inspectEnds(
  host: HostContext,
  device: Device,
  signal: AbortSignal,
): Promise<Result<DeviceContent, Failure>> {
  const blkid = await contentByBlkid(host, device, [], signal);
  if (!blkid.ok) return blkid;
  if (blkid.value !== "nothing" && blkid.value !== "ambivalent")
    return judgeNamed(host, device, blkid.value, signal);
  const wipefs = inspectCommand(host, device, "wipefs", ["--no-act", "--json", device.path]);
  const [wipefsTypes, nonZeroParts] = await Promise.all([
    printedBy(host, wipefs, parseWipefsTypes, signal),
    readEnds(host, device, signal),
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
  host: HostContext,
  { device, fsType }: FileSystemOn,
  signal: AbortSignal,
): Promise<Result<DeviceContent, Failure>> {
  const blkid = await contentByBlkid(host, device, ["-n", typesMountedAs(fsType).join(",")], signal);
  if (!blkid.ok) return blkid;
  return blkid.value === "nothing" || blkid.value === "ambivalent"
    ? ok({ kind: "otherData", detail: `no ${fsType}` })
    : judgeNamed(host, device, blkid.value, signal);
}

/** Judges what blkid names alone: no other witness is asked. */
async function judgeNamed(
  host: HostContext,
  device: Device,
  blkid: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Result<DeviceContent, Failure>> {
  // blkid does not say on how many devices a btrfs is.
  const dumpSuper = inspectCommand(host, device, "btrfs", [...dumpSuperArgs, device.path]);
  const btrfs =
    blkid["TYPE"] === "btrfs" ? await printedBy(host, dumpSuper, parseBtrfsSuper, signal) : ok(undefined);
  return btrfs.ok
    ? ok(judgeDeviceContent({ blkid, btrfs: btrfs.value, wipefsTypes: [], nonZeroParts: [] }))
    : btrfs;
}

/** What blkid finds, by the probes that `filter` leaves. */
async function contentByBlkid(
  host: HostContext,
  device: Device,
  filter: readonly string[],
  signal: AbortSignal,
): Promise<Result<ContentWitnesses["blkid"], Failure>> {
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
): Result<ContentWitnesses["blkid"], Failure> {
  if (found === "ambivalent") return ok(found);
  const fields = found === "nothing" ? {} : found;
  const onDisk = fields["PART_ENTRY_NUMBER"];
  if (onDisk !== number)
    return fail({
      kind: "WrongDevice",
      devicePath: path,
      problem:
        `the kernel has it as partition ${number}, and the table on the disk has ` +
        `${onDisk === undefined ? "none" : `partition ${onDisk}`} in its place: detach the disk, or have its ` +
        "table read again (partx --update)",
    });
  const content = Object.entries(fields).filter(
    ([name]) => name !== "DEVNAME" && !name.startsWith("PART_ENTRY_"),
  );
  return ok(content.length === 0 ? "nothing" : Object.fromEntries(content));
}

async function askBlkid(
  host: HostContext,
  device: Device,
  filter: readonly string[],
  signal: AbortSignal,
): Promise<Result<ContentWitnesses["blkid"], Failure>> {
  const command = inspectCommand(host, device, "blkid", ["-p", ...filter, "-o", "export", device.path]);
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
  host: HostContext,
  command: HostCommand,
  parse: (printed: string) => T | undefined,
  signal: AbortSignal,
): Promise<Result<T, Failure>> {
  const exit = await host.runner.run(command, signal);
  if (!exit.ok) return exit;
  const found = exit.value.exitCode === 0 ? parse(exit.value.stdout.toString("utf8")) : undefined;
  return found === undefined ? commandFailed(command, exit.value) : ok(found);
}

async function readEnds(
  host: HostContext,
  device: Device,
  signal: AbortSignal,
): Promise<Result<ContentWitnesses["nonZeroParts"], Failure>> {
  const lastBytes = device.sizeBytes > endBytes ? device.sizeBytes - endBytes : 0n;
  const endOffset = lastBytes - (lastBytes % alignmentBytes);
  const [start, end] = await Promise.all([
    readDirectly(host, device, { offset: 0n, blockBytes: endBytes + alignmentBytes }, signal),
    readDirectly(host, device, { offset: endOffset, blockBytes: endBytes + alignmentBytes }, signal),
  ]);
  if (!start.ok) return start;
  if (!end.ok) return end;
  return ok([
    ...(holdsData(start.value) ? (["start"] as const) : []),
    ...(holdsData(end.value) ? (["end"] as const) : []),
  ]);
}

/** One after the other: the commands of other volumes have their turns in between. */
async function isBlankBetween(
  host: HostContext,
  device: Device,
  signal: AbortSignal,
): Promise<Result<boolean, Failure>> {
  for (const offset of middleSamples(device.sizeBytes)) {
    const sample = await readDirectly(host, device, { offset, blockBytes: SAMPLE_BYTES }, signal);
    if (!sample.ok) return sample;
    if (holdsData(sample.value)) return ok(false);
  }
  return ok(true);
}

function holdsData(block: Buffer): boolean {
  return block.some((byte) => byte !== 0);
}

/** By dd, not by our own read: a read of a hanging device would block one of Node's few I/O threads. */
async function readDirectly(
  host: HostContext,
  device: Device,
  { offset, blockBytes }: { readonly offset: bigint; readonly blockBytes: bigint },
  signal: AbortSignal,
): Promise<Result<Buffer, Failure>> {
  const command = inspectCommand(host, device, "dd", [
    `if=${device.path}`,
    `bs=${blockBytes}`,
    "count=1",
    `skip=${offset}`,
    "iflag=direct,skip_bytes,fullblock",
    "status=none",
  ]);
  const exit = await runToSuccess(host, command, signal);
  if (!exit.ok) return exit;
  const requestedBytes = device.sizeBytes - offset < blockBytes ? device.sizeBytes - offset : blockBytes;
  // An empty read is no proof of zeros: the device may have been detached or shrunk.
  if (BigInt(exit.value.stdout.length) < requestedBytes)
    return fail({
      kind: "WrongDevice",
      devicePath: device.path,
      problem:
        `only ${exit.value.stdout.length} of ${requestedBytes} bytes at offset ${offset} could be read: ` +
        "look for the LUN again",
    });
  return ok(exit.value.stdout);
}

function inspectCommand(
  host: HostContext,
  device: Device,
  program: string,
  args: readonly string[],
): HostCommand {
  return {
    program,
    args,
    pool: "inspect",
    limitMs: host.limits.inspectMs,
    touches: [device.majorMinor],
    changes: false,
  };
}
