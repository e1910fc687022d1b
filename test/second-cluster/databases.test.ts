import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { thenCleanUp } from "../../testbed/lab/units/then-clean-up.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { untilNothingIsLeft } from "../cluster/assert/nothing-left.ts";
import { controllerWith, driverLab, reinstallDriver } from "../cluster/driver-lab.ts";
import { backInService, untilOutOfQuarantine } from "../cluster/faults/lose-node.ts";
import { takeOutOfService, untilDriverTakesOutOfService } from "../cluster/faults/take-out-of-service.ts";
import { keepControllersOff } from "../cluster/leading-controller.ts";
import { takeWayIn } from "../cluster/way-in.ts";
import { example } from "../cluster/workload/examples.ts";
import { type Workloads, withWorkloads } from "../cluster/workload/workloads.ts";
import { databasePod, startCommitting } from "./postgresql/committing-clients.ts";
import { connectPostgres } from "./postgresql/postgres-connection.ts";
import { addPostgresImage, reasonAgainstPostgres } from "./postgresql/postgres-image.ts";

const POD = "postgresql-0";
const CLAIM = `data-${POD}`;
const READY_MAX_MS = 240_000;
const COMMITS_BEFORE = 500;

/** What takes the pod from its node. Its clean-up brings the node back. */
interface Fault {
  readonly name: string;
  readonly strike: (workloads: Workloads, nodeName: string) => Promise<void>;
  readonly undo: (workloads: Workloads, nodeName: string) => Promise<void>;
}

const MOVED: readonly Fault[] = [
  {
    name: "a drain of its node",
    async strike({ lab }, nodeName) {
      await lab.kubectl(["drain", nodeName, "--ignore-daemonsets", "--pod-selector=app=postgresql"]);
    },
    async undo({ lab }, nodeName) {
      await lab.kubectl(["uncordon", nodeName]);
    },
  },
  {
    name: "its node froze, and a person marked it and deleted the pod",
    async strike(workloads, nodeName) {
      await workloads.lab.node(nodeName).freeze();
      await takeOutOfService(workloads, nodeName, [POD]);
    },
    async undo(workloads, nodeName) {
      await workloads.lab.node(nodeName).thaw();
      await backInService(workloads.lab, nodeName);
      await untilOutOfQuarantine(workloads, CLAIM, nodeName);
    },
  },
];

function powerLoss(name: string, how: { readonly silent: boolean }): Fault {
  return {
    name,
    async strike(workloads, nodeName) {
      await workloads.lab.node(nodeName).kill(how);
      await untilDriverTakesOutOfService(workloads, nodeName, [POD]);
    },
    async undo(workloads, nodeName) {
      await workloads.lab.node(nodeName).start(new AbortController().signal);
      await backInService(workloads.lab, nodeName);
      await untilOutOfQuarantine(workloads, CLAIM, nodeName);
    },
  };
}

/** What happens in each attach mode, with these settings of the controllers. */
const RUNS = [
  {
    wayIn: "kubernetes",
    settings: {},
    faults: [...MOVED, powerLoss("its node lost its power, and the driver marked it", { silent: false })],
  },
  {
    wayIn: "driver",
    settings: { "silent-nodes": "power-off", "power-off-after-ms": 15_000 },
    faults: [
      ...MOVED,
      powerLoss("its node died unseen by Azure, and the driver powered its VM off", { silent: true }),
    ],
  },
] as const;

describe(
  "databases on volumes with replicas",
  { skip: (await reasonAgainstLab()) ?? (await reasonAgainstPostgres()) ?? false },
  () => {
    let lab: Lab;
    before(async () => {
      lab = await driverLab("lab-second");
      await addPostgresImage(lab, new AbortController().signal);
    });
    after(async () => {
      await takeWayIn(lab, "kubernetes");
      await untilNothingIsLeft(lab);
    });

    for (const { wayIn, settings, faults } of RUNS)
      it(`PostgreSQL keeps each acknowledged commit through faults; attach by ${wayIn}`, () =>
        withWorkloads(lab, `postgresql-${wayIn}`, async (workloads) => {
          await reinstallDriver(lab, { attach: wayIn, ...controllerWith(settings) });
          await workloads.apply(await example("databases/postgresql.yaml"));
          await workloads.untilReady(POD);
          await query(workloads, "CREATE TABLE acknowledged (row text PRIMARY KEY)");
          await query(workloads, "CREATE EXTENSION amcheck");
          assert.deepEqual(await query(workloads, "SHOW data_checksums"), [["on"]]);
          await using clients = startCommitting(workloads, POD);

          for (const { name, strike, undo } of faults) {
            const count = clients.acknowledged().length;
            await waitUntil("clients to commit", { timeoutMs: READY_MAX_MS }, async () =>
              clients.acknowledged().length >= count + COMMITS_BEFORE ? true : undefined,
            );
            const { uid, nodeName } = (await databasePod(workloads, POD)) ?? assert.fail(`no ${POD}`);
            await keepControllersOff(lab, nodeName);
            await thenCleanUp(
              async () => {
                await strike(workloads, nodeName);
                const gapMs = await clients.untilAnotherPod(uid);
                console.log(`attach by ${wayIn}: no commit for ${Math.round(gapMs)} ms after ${name}`);
              },
              () => undo(workloads, nodeName),
            );
            await workloads.untilReady(POD);
            await assertComplete(workloads, clients.acknowledged());
          }
        }));
  },
);

/** Every acknowledged row is in the table and in its index, whose pages are sound. */
async function assertComplete(workloads: Workloads, acknowledged: readonly string[]): Promise<void> {
  const rows = new Set((await query(workloads, "SELECT row FROM acknowledged")).map(([row]) => row));
  assert.deepEqual(
    acknowledged.filter((row) => !rows.has(row)),
    [],
    "acknowledged, and lost",
  );
  await query(workloads, "SELECT bt_index_check('acknowledged_pkey', true)");
  assert.deepEqual(await query(workloads, "SELECT * FROM verify_heapam('acknowledged')"), []);
}

async function query(workloads: Workloads, sql: string): Promise<readonly (readonly (string | null)[])[]> {
  const { address } = (await databasePod(workloads, POD)) ?? assert.fail(`no ${POD}`);
  await using connection = connectPostgres(address, AbortSignal.timeout(READY_MAX_MS));
  return await connection.query(sql);
}
