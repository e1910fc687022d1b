import { defaultProvisionerSettings } from "../../src/provisioner/settings.ts";
import type { Json } from "./arm-http.ts";
import { ownersOf } from "./disk-owners.ts";
import {
  type Choices,
  type Experiment,
  finding,
  type Finding,
  type PairedExperiment,
  untried,
} from "./experiment.ts";
import {
  codeOf,
  dataDisksOf,
  etagOf,
  isInstance,
  type ProbeVm,
  isRunning,
  readVm,
  sameDisks,
  sendWrite,
  untilEnded,
  withoutProbeDisk,
  withProbeDisk,
  type Written,
  writeVm,
} from "./probe-vm.ts";
import { lateWrites } from "./shared-disk/late-writes.ts";
import { preemptions } from "./shared-disk/preemptions.ts";
import { reservations } from "./shared-disk/reservations.ts";

const WRONG_ETAG = '"probe-azure"';
/** The tag that shows whether a change of tags moves the ETag. */
const PROBE_TAG = "probe-azure";
/** As long as the driver waits for a disk to name its VMs rightly. */
const OWNER_MAX_MS = defaultProvisionerSettings.ownerPatienceMs;

/** The experiments of the first day on Azure, in their order. */
export const experiments: readonly (Experiment | PairedExperiment)[] = [
  {
    name: "E1 If-Match",
    assumption: "an update of a VM on the condition of another ETag is refused, also while the VM is updated",
    minutes: 2,
    run: wrongEtag,
  },
  {
    name: "E2 ETag",
    assumption: "at least one update that changes nothing moves a VM's ETag, by the end of its operation",
    minutes: 3,
    run: etagMoves,
  },
  {
    name: "E5 owners",
    assumption: "a disk names the VM that has it, and no longer one that has not, within a minute",
    minutes: 3,
    run: owners,
  },
  {
    name: "E6 operations",
    assumption:
      "an attach is answered 200 or 202 with the URL of its operation, whose polls say how it ends, and so " +
      "is an update that changes nothing, or the VM shows the end of that",
    minutes: 1,
    run: operations,
  },
  {
    name: "E9 stopped VMs",
    assumption: "a stopped and a deallocated VM accept an update that moves the ETag",
    minutes: 10,
    run: stopped,
  },
  {
    name: "E8 reimage",
    assumption: "a VM that is reimaged keeps its vmId, its data disks and their LUNs",
    minutes: 10,
    run: reimaged,
  },
  {
    name: "E3 forced detach",
    assumption: "nothing that a VM writes lands on a shared disk after its forced detach has ended",
    minutes: 2,
    minutesARound: 5,
    runPaired: (pair, choices) => lateWrites(pair, choices, ["steadily"]),
  },
  {
    name: "E4 forced detach of a silent VM",
    assumption:
      "the same of a VM that pauses and writes again later, and of one that is cut off from its network",
    minutes: 2,
    minutesARound: 13,
    runPaired: (pair, choices) => lateWrites(pair, choices, ["paused", "cut off"]),
  },
  {
    name: "E7 reservations",
    assumption:
      "a disk that a VM has reserved (write exclusive) takes its writes and refuses any other VM's, until " +
      "it ends the reservation: also while and after either VM is detached from it, restarted or deallocated",
    minutes: 20,
    runPaired: reservations,
  },
  {
    name: "E10 preemption",
    assumption:
      "PREEMPT AND ABORT takes a reservation from the key that it names only, and no write of the VM that " +
      "had it lands afterwards",
    minutes: 2,
    minutesARound: 4,
    runPaired: preemptions,
  },
];

async function wrongEtag(vm: ProbeVm): Promise<Finding> {
  const idle = await sendWrite(vm, {}, WRONG_ETAG);
  await untilEnded(vm, idle);
  const present = await readVm(vm);
  const attach = await sendWrite(vm, withProbeDisk(vm, present), etagOf(present));
  const during = await sendWrite(vm, {}, WRONG_ETAG);
  await untilEnded(vm, during);
  const attached = await untilEnded(vm, attach);
  const detached = await writeVm(vm, (now) => withoutProbeDisk(vm, now));
  if (attached.end !== "Succeeded" || detached.end !== "Succeeded")
    return finding(false, `the disk was not attached and detached: ${attached.end}, ${detached.end}`);
  return finding(
    idle.status === 412 && during.status >= 400,
    `idle: ${idle.status} ${codeOf(idle.body) ?? ""}; during an attach: ${during.status} ` +
      (codeOf(during.body) ?? ""),
  );
}

async function etagMoves(vm: ProbeVm): Promise<Finding> {
  const writes: [string, Written][] = [["{}", await writeVm(vm, () => ({}))]];
  writes.push(["the same disks", await writeVm(vm, sameDisks)]);
  if (!isInstance(vm)) {
    const mark = { [PROBE_TAG]: String(vm.clock.nowMs()) };
    writes.push(["a tag", await writeVm(vm, (now) => ({ tags: { ...tagsOf(now), ...mark } }))]);
    await writeVm(vm, (now) => {
      const { [PROBE_TAG]: _, ...tags } = tagsOf(now);
      return { tags };
    });
  }
  const seen = writes.map(([what, { end, etags }]) => `${what}: ${end}, ${movedAt(etags)}`);
  return finding(
    writes.some(([, written]) => hasMoved(written)),
    seen.join("; "),
  );
}

function tagsOf(vm: Json): Readonly<Record<string, string>> {
  return (vm?.["tags"] ?? {}) as Readonly<Record<string, string>>;
}

function hasMoved({ end, etags }: Written): boolean {
  return end === "Succeeded" && etags[0] !== etags[2];
}

function movedAt([before, accepted, ended]: Written["etags"]): string {
  if (before === ended) return "never moves it";
  if (accepted === before) return "moves it at the end";
  return accepted === ended ? "moves it when it is accepted" : "moves it when it is accepted, and at the end";
}

async function owners(vm: ProbeVm): Promise<Finding> {
  const attached = await writeVm(vm, (now) => withProbeDisk(vm, now));
  const named = await untilOwners(vm, (uris) => uris.length > 0);
  const detached = await writeVm(vm, (now) => withoutProbeDisk(vm, now));
  const left = await untilOwners(vm, (uris) => uris.length === 0);
  const isHeld = [attached.end, detached.end].every((end) => end === "Succeeded");
  return finding(
    isHeld && named.afterMs !== undefined && left.afterMs !== undefined,
    `attach ${attached.end}: named ${inSeconds(named.afterMs)} as ${named.uris.join(", ")}; ` +
      `detach ${detached.end}: no longer named ${inSeconds(left.afterMs)}`,
  );
}

async function untilOwners(
  vm: ProbeVm,
  isReached: (uris: readonly string[]) => boolean,
): Promise<{ readonly uris: readonly string[]; readonly afterMs: number | undefined }> {
  const startedMs = vm.clock.elapsedMs();
  for (;;) {
    const uris = await ownersOf(vm);
    const afterMs = vm.clock.elapsedMs() - startedMs;
    if (isReached(uris)) return { uris, afterMs };
    if (afterMs > OWNER_MAX_MS) return { uris, afterMs: undefined };
    await vm.clock.sleep(vm.pollMs, vm.signal);
  }
}

function inSeconds(ms: number | undefined): string {
  return ms === undefined ? `not within ${OWNER_MAX_MS / 1000} s` : `after ${(ms / 1000).toFixed(1)} s`;
}

async function operations(vm: ProbeVm): Promise<Finding> {
  const attached = await writeVm(vm, (present) => withProbeDisk(vm, present));
  const same = await writeVm(vm, sameDisks);
  const detached = await writeVm(vm, (present) => withoutProbeDisk(vm, present));
  const isFollowed = ({ answer }: Written): boolean => answer.headers["azure-asyncoperation"] !== undefined;
  const shown = (write: Written): string =>
    `${write.answer.status}, operation ${isFollowed(write) ? "named" : "not named"}, end ${write.end}`;
  const waits = [...new Set(attached.retryAfter)].join(", ") || "none";
  return finding(
    isFollowed(attached) &&
      [attached, same, detached].every(
        ({ answer, end }) => [200, 202].includes(answer.status) && end === "Succeeded",
      ),
    `attach ${shown(attached)}, Retry-After of polls: ${waits}; the same disks ${shown(same)}; ` +
      `detach ${detached.end}`,
  );
}

async function stopped(vm: ProbeVm, { mayStop }: { readonly mayStop: boolean }): Promise<Finding> {
  if (!mayStop) return untried("it stops the VM: permit that by --may-stop");
  if (!(await isRunning(vm))) return untried("the VM does not run");
  const seen: string[] = [];
  let isHeld = true;
  for (const [state, action] of [
    ["stopped", "powerOff"],
    ["deallocated", "deallocate"],
  ] as const) {
    const done = await untilEnded(vm, await vm.http({ method: "POST", path: `${vm.vmId}/${action}` }));
    const same = await writeVm(vm, sameDisks);
    isHeld &&= done.end === "Succeeded" && hasMoved(same);
    seen.push(`${state} (${done.end}): the same disks ${same.end}, ${movedAt(same.etags)}`);
  }
  const started = await untilEnded(vm, await vm.http({ method: "POST", path: `${vm.vmId}/start` }));
  return finding(isHeld, `${seen.join("; ")}; started again: ${started.end}`);
}

async function reimaged(vm: ProbeVm, { mayReimage }: Choices): Promise<Finding> {
  if (!mayReimage) return untried("it takes the VM's OS disk: permit that by --may-reimage");
  const attached = await writeVm(vm, (now) => withProbeDisk(vm, now));
  const before = await identityOf(vm);
  const done = await untilEnded(vm, await vm.http({ method: "POST", path: `${vm.vmId}/reimage`, body: {} }));
  const after = await identityOf(vm);
  const detached = await writeVm(vm, (now) => withoutProbeDisk(vm, now));
  const ends = [attached.end, done.end, detached.end];
  // Azure refuses it for VMs without an ephemeral OS disk, and for some images.
  if (done.end !== "Succeeded") return untried(`the VM was not reimaged: ${done.end}`);
  const kept = Object.entries(before).map(([what, value]) => ({ what, value, now: after[what] }));
  return finding(
    ends.every((end) => end === "Succeeded") && kept.every(({ value, now }) => value === now),
    `attach ${attached.end}, reimage ${done.end}, detach ${detached.end}; ` +
      kept
        .map(
          ({ what, value, now }) => `${what} ${value === now ? "kept" : `changed from ${value} to ${now}`}`,
        )
        .join(", "),
  );
}

/** By what the driver knows the VM and its data disks, as texts. */
async function identityOf(vm: ProbeVm): Promise<Readonly<Record<string, string>>> {
  const present = await readVm(vm);
  const { vmId = "" } = (present?.["properties"] ?? {}) as { readonly vmId?: string };
  const disks = dataDisksOf(present).map(({ name, lun }) => `${String(name)}@${String(lun)}`);
  const owners = await ownersOf(vm);
  return {
    vmId,
    "data disks": disks.toSorted().join(" "),
    "the probe's disk": `of ${owners.join(" ").toLowerCase()}`,
  };
}
