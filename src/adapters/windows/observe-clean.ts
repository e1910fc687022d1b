import * as z from "zod";
import { hostNotReady } from "../../core/failure/frequent-failures.ts";
import type { Result } from "../../core/failure/result.ts";
import { ok } from "../../core/failure/result.ts";
import { type CleanJudgement, judgeClean } from "../../core/node/judge-clean.ts";
import type { CleanRequest } from "../../ports/host/host-provisioner.ts";
import { isSameDisk, oddDiskThatMayBe } from "./disk/disk-rows.ts";
import { diskAtLun, incomplete, listDisks, toDevice, updateCache } from "./disks.ts";
import { mountsOf } from "./mount/read-mounts.ts";
import { query } from "./storage-call.ts";
import type { WindowsHostContext } from "./windows-host-context.ts";
import { WORKER_MARK } from "./worker-script.ts";

const JSON_TIME = /^\/Date\((\d+)\)\/$/u;

const processSchema = z.object({
  ProcessId: z.number().int(),
  ParentProcessId: z.number().int(),
  CommandLine: z.string().nullable(),
  /** As PowerShell 5.1 writes a time in JSON: `/Date(1795000000000)/`, in milliseconds since 1970. */
  CreationDate: z
    .string()
    .regex(JSON_TIME)
    .transform((text) => Number(JSON_TIME.exec(text)?.[1])),
});

/**
 * Whether this node can still write to a volume. Windows keeps no mounts of its own for containers: their
 * files are open through the host's folder, which a dismount refuses to take from them.
 */
export async function observeClean(
  host: WindowsHostContext,
  request: CleanRequest,
): Promise<Result<CleanJudgement>> {
  const earlier = await earlierWorkersAlive(host);
  if (!earlier.ok) return earlier;
  // A mount that was made past the Storage provider counts, too.
  const updated = await updateCache(host);
  if (!updated.ok) return updated;
  const disks = await listDisks(host);
  if (!disks.ok) return disks;
  const at = request.lun === undefined ? ok({ disk: undefined }) : diskAtLun(disks.value, request.lun);
  if (!at.ok) return at;
  const device = at.value.disk === undefined ? undefined : toDevice(host, at.value.disk);
  // No LUN of another volume tells against it, as on Linux: Windows gives a unique id to no other disk.
  const last = request.lastMajorMinor;
  // A disk that is found is none of the odd ones: its unique id would be theirs.
  const unread =
    device === undefined || (last !== undefined && !isSameDisk(last, device.majorMinor))
      ? oddDiskThatMayBe(disks.value.odd, { lun: request.lun, majorMinor: last })
      : undefined;
  if (unread !== undefined) return incomplete(unread);
  // A disk that has gone and come has another number, as after a restart: Windows mounts it where it was.
  const now = disks.value.disks
    .map((disk) => toDevice(host, disk).majorMinor)
    .filter((majorMinor) => last !== undefined && isSameDisk(last, majorMinor));
  const numbers = [...new Set([device?.majorMinor, last, ...now])].filter((number) => number !== undefined);
  const mountPaths: string[] = [];
  for (const number of numbers) {
    const mounts = await mountsOf(host, number);
    if (!mounts.ok) return mounts;
    mountPaths.push(...mounts.value.map(({ path }) => path));
  }
  return ok(
    judgeClean({
      earlierChildAlive: earlier.value,
      commandsInFlight: host.operations.inFlightOn(numbers),
      devicePath: device?.path,
      heldPaths: [],
      mountPaths,
      mountedForPids: [],
      mountedBtrfs: [],
      devicesOnTop: [],
      openInPids: [],
      mappedInPids: [],
    }),
  );
}

/**
 * Whether a worker runs that an earlier process of this plug-in has started. Windows gives a process's id to
 * another soon after its end, so a worker is this process's own only if it began after it.
 */
export async function earlierWorkersAlive(host: WindowsHostContext): Promise<Result<boolean>> {
  const processes = await query(
    host.powerShell,
    "Get-CimInstance",
    { ClassName: "Win32_Process", Filter: `Name = 'powershell.exe' OR ProcessId = ${host.processId}` },
    processSchema,
  );
  if (!processes.ok) return processes;
  const self = processes.value.find(({ ProcessId }) => ProcessId === host.processId);
  if (self === undefined) return hostNotReady(`Windows shows no process ${host.processId}, this one`);
  const workers = processes.value.filter(({ CommandLine }) => CommandLine?.includes(WORKER_MARK) === true);
  const isOwn = (worker: (typeof workers)[number]): boolean =>
    worker.ParentProcessId === host.processId && worker.CreationDate >= self.CreationDate;
  const firstOwn = Math.min(...workers.filter(isOwn).map(({ CreationDate }) => CreationDate));
  return ok(workers.some((worker) => !isOwn(worker) && worker.CreationDate <= firstOwn));
}
