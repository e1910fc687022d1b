import { loadavg } from "node:os";
import { runProgram } from "../scripts/run-program.ts";
import type { Options, Values } from "../src/cli/options.ts";
import { measureOnApiServer } from "./attach/api-server/measure-on-api-server.ts";
import { tellBursts } from "./attach/bursts.ts";
import { measureChurn } from "./attach/churn.ts";
import { measureController } from "./attach/controller.ts";
import { measureFleet } from "./attach/fleet.ts";
import { measureLanes } from "./attach/lanes.ts";
import { measureOneVm, measurePoison } from "./attach/one-vm.ts";
import { measurePace } from "./attach/pace.ts";
import { measureRebuild } from "./attach/rebuild.ts";
import { measureRest } from "./attach/rest.ts";
import { measureBurstsOverWire } from "./attach/wire/bursts-over-wire.ts";
import { measureEmulator } from "./attach/wire/emulator-alone.ts";
import { measureOneVmOverWire } from "./attach/wire/one-vm-over-wire.ts";
import { measureCreate, measureStart } from "./attach/wire/start-and-create.ts";
import { measureStartAttached } from "./attach/wire/start-attached.ts";
import { tellZone } from "./attach/zone.ts";

const options = {
  json: { kind: "flag", help: "One JSON object instead of a table" },
} as const satisfies Options;

/** Parts that run on the emulator's model and a virtual clock: the same figures on every machine. */
const onModel = {
  bursts: tellBursts,
  pace: measurePace,
  oneVm: measureOneVm,
  poison: measurePoison,
  fleet: measureFleet,
  churn: measureChurn,
  zone: tellZone,
  lanes: measureLanes,
  rest: measureRest,
  rebuild: measureRebuild,
};

/** Parts that run through the SDK and TLS, in real time: on a busy machine their figures are upper bounds. */
const overWire = {
  oneVmOverWire: measureOneVmOverWire,
  emulator: measureEmulator,
  start: measureStart,
  startAttached: measureStartAttached,
  create: measureCreate,
  burstsOverWire: measureBurstsOverWire,
  controller: measureController,
  onApiServer: measureOnApiServer,
};

const meanings: Readonly<Record<string, string>> = {
  bursts:
    "1, 12 and 30 publishes and unpublishes of one VM through CSI: the time as a share of Azure's own for " +
    "one write, and calls to Azure; Before: without gathering",
  pace: "one disk, attached and detached 4,000 times at Azure's own pace: calls to Azure, polls included",
  oneVm: "30 disks to one VM, asked for at once: our queue, a one-by-one client, a one-second window",
  poison: "the same, and one of the disks fails every update that it is part of",
  fleet: "300 disks over 20 VMs, Azure's limits enforced",
  churn: "12 disks come and go for two hours, one update of the VM a minute; a failover every ten minutes",
  zone:
    "100 and 333 VMs without power, ten disks each, fenced at once under Azure's limits; Floor: the " +
    "slowest of Azure's own detaches, and two reads for each VM",
  lanes:
    "a fence beside attaches of replicas to 400 VMs, and attaches beside fences of 200 VMs, under Azure's " +
    "limits; Busy: Azure works on these VMs without an end; Late: after Azure's own update",
  rest: "1,000 nodes and 10,000 disks while nothing happens: calls to Azure, writes to the object store",
  rebuild:
    "2,000 attached volumes of 100 nodes after a restore of the object store: the rebuild of their records " +
    "under Azure's limits; OneByOne: each volume after the other, with reads of its own; Outage: ten " +
    "minutes in which no disk can be read",
  oneVmOverWire: "30 disks to one VM, real time",
  emulator: "the emulator alone, from its sources",
  start: "10,000 disks listed, and AzVolumes without records made for them in an empty object store",
  startAttached:
    "10,000 volumes attached to 625 VMs, and nodes that use them: a bundled controller rebuilds them " +
    "into an empty object store (held), another one starts on that store (again), nothing happens (rest)",
  create:
    "CreateVolume over gRPC, 20 a second, 100 in flight: what comes on top of the emulator's own latency",
  burstsOverWire:
    "1, 12 and 30 publishes and unpublishes of one VM through the socket of a bundled controller, at " +
    "Azure's own pace: the time as a share of Azure's own for one write; WritesMax: of all rounds",
  controller:
    "the bundled controller's processor time and resident memory for 120 creations and 21 bursts, beside " +
    "a bare client of the SDK, and beside Azure's own driver where GO_DRIVER names a build of it " +
    "(CONTROLLER_ROLE_FLAGS replaces the flags and the environment it ships with)",
  onApiServer:
    "the bundled controller on Kubernetes' API server: 40 creations, six bursts, and moves of a volume to " +
    "its replica, beside Azure's own driver V2 where GO_DRIVER_V2 names its checkout with a build; " +
    "times: ours, as a share of V2's (needs Go)",
};

async function main(values: Values<typeof options>, words: readonly string[]): Promise<void> {
  const measured: Record<string, Readonly<Record<string, unknown>>> = {};
  for (const [via, parts] of [
    ["model, virtual clock", onModel],
    ["SDK over TLS, real time", overWire],
  ] as const) {
    for (const [name, measure] of Object.entries(parts)) {
      if (words.length > 0 && !words.includes(name)) continue;
      const figures = { ...(await measure()), via };
      measured[name] = figures;
      if (!values.json) console.log(report(name, figures));
    }
  }
  if (values.json)
    console.log(JSON.stringify({ ...measured, machine: { node: process.version, load: loadavg()[0] } }));
}

function report(name: string, figures: Readonly<Record<string, unknown>>): string {
  const { via, ...rest } = figures;
  const list = Object.entries(rest).map(([key, value]) => `${key} ${String(value)}`);
  return `${name}: ${meanings[name] ?? ""} (${String(via)})\n  ${list.join(", ")}`;
}

const usage =
  "npm run bench:attach [-- flags] [part ...]\n\n" +
  "Attaches, detaches and creates disks beside plain clients, on the emulator. The parts, all by " +
  "default:\n" +
  Object.keys(meanings).join(", ");
await runProgram({ name: "npm run bench:attach", usage, options, words: Object.keys(meanings) }, main);
