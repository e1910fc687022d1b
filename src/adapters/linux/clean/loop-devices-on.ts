import { stat } from "node:fs/promises";
import { ok, type Result } from "../../../core/failure/result.ts";
import { majorMinorOf } from "../../../core/node/device/device-number.ts";
import { losetupArgs, parseLosetup } from "../../../core/node/parse-losetup.ts";
import { callIn, hangs } from "../call-lane.ts";
import { runToSuccess } from "../command/command-failed.ts";
import { inspecting } from "../command/device-commands.ts";
import { blockDeviceAt, nodeOfDevice } from "../device/block-device.ts";
import type { HostContext } from "../host-context.ts";

/** Loop devices on these devices: they open one without a trace in any process, and not exclusively. */
export async function loopDevicesOn(
  host: HostContext,
  numbers: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<Result<readonly string[]>> {
  const exit = await runToSuccess(host, inspecting(host, "losetup", losetupArgs), signal);
  if (!exit.ok) return exit;
  const nodes = await Promise.all([...numbers].map((majorMinor) => nodeOfDevice(host.sysRoot, majorMinor)));
  const nodeFiles = await Promise.all(
    nodes.filter((node) => node !== undefined).map((node) => stat(node, { bigint: true })),
  );
  const onDevice: string[] = [];
  for (const { path, backingFileSystem, backingInode, backingPath } of parseLosetup(
    exit.value.stdout.toString("utf8"),
  )) {
    // By the path where it is visible, else by file system and inode of the device's node: kubelet's
    // loop devices are on bound nodes whose paths only kubelet may see.
    const isSameFile = nodeFiles.some(
      ({ dev, ino }) => backingFileSystem === majorMinorOf(dev) && backingInode === String(ino),
    );
    if (isSameFile || numbers.has((await deviceBehind(host, backingPath)) ?? "")) onDevice.push(path);
  }
  return ok(onDevice);
}

/** The path may be on a disk that hangs. Throws then, for what is there is not known. */
async function deviceBehind({ volumeLooks }: HostContext, path: string): Promise<string | undefined> {
  return await callIn(volumeLooks, `stat ${path}`, () => blockDeviceAt(path)).catch((error: unknown) => {
    if (hangs(error)) throw error;
    return undefined;
  });
}
