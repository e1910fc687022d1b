import { setTimeout as sleep } from "node:timers/promises";
import { waitUntil } from "../../../testbed/lab/units/wait-until.ts";
import { findObject } from "../../cluster/read-objects.ts";
import type { Workloads } from "../../cluster/workload/workloads.ts";
import { connectPostgres } from "./postgres-connection.ts";

/** Clients outside of all nodes that commit rows to PostgreSQL, and know which were acknowledged. */
export interface CommittingClients extends AsyncDisposable {
  /** The acknowledged rows so far. */
  acknowledged(): readonly string[];
  /**
   * Waits until a pod other than `uid` has acknowledged a row, and returns the time since the last one
   * before it, in milliseconds.
   */
  untilAnotherPod(uid: string): Promise<number>;
}

const CLIENTS = 4;
const RECONNECT_MS = 50;
const LOOK_MS = 100;
const RECOVERED_MAX_MS = 300_000;

interface Commit {
  readonly row: string;
  readonly uid: string;
  readonly atMs: number;
}

/** A pod of PostgreSQL that has an address. */
export interface DatabasePod {
  readonly uid: string;
  readonly nodeName: string;
  readonly address: string;
}

/** The pod at present; undefined while it has no address, or there is none. */
export async function databasePod(
  { lab, namespace }: Workloads,
  name: string,
): Promise<DatabasePod | undefined> {
  const pod = await findObject<{
    readonly metadata: { readonly uid: string };
    readonly spec: { readonly nodeName?: string };
    readonly status: { readonly podIP?: string };
  }>(lab, `/api/v1/namespaces/${namespace}/pods/${name}`);
  const address = pod?.status.podIP;
  if (pod === undefined || address === undefined) return undefined;
  return { uid: pod.metadata.uid, nodeName: pod.spec.nodeName ?? "", address };
}

/** Starts clients that commit to the table `acknowledged` of a pod, and of each that replaces it. */
export function startCommitting(workloads: Workloads, name: string): CommittingClients {
  const ending = new AbortController();
  const commits: Commit[] = [];
  let present: { readonly pod: DatabasePod; readonly replaced: AbortController } | undefined;

  async function follow(): Promise<void> {
    while (!ending.signal.aborted) {
      // The API server may be unreachable for a while. Clients then stay where they are.
      const pod = await databasePod(workloads, name).catch(() => present?.pod);
      if (pod !== undefined && pod.uid !== present?.pod.uid) {
        present?.replaced.abort();
        present = { pod, replaced: new AbortController() };
      }
      await sleep(LOOK_MS);
    }
    present?.replaced.abort();
  }

  async function commit(client: number): Promise<void> {
    for (let count = 0; !ending.signal.aborted; await sleep(RECONNECT_MS)) {
      if (present === undefined) continue;
      const { pod, replaced } = present;
      try {
        await using connection = connectPostgres(pod.address, replaced.signal);
        while (!replaced.signal.aborted) {
          count += 1;
          const row = `${client}-${count}`;
          await connection.query(`INSERT INTO acknowledged VALUES ('${row}')`);
          commits.push({ row, uid: pod.uid, atMs: performance.now() });
        }
      } catch {
        // It is tried again: the pod ends or starts. A row that was not acknowledged may be there or not.
      }
    }
  }

  const running = [follow(), ...Array.from({ length: CLIENTS }, (_, client) => commit(client))];
  return {
    acknowledged: () => commits.map(({ row }) => row),
    async untilAnotherPod(uid) {
      const before = commits.findLast((each) => each.uid === uid)?.atMs ?? Number.NaN;
      const patience = { timeoutMs: RECOVERED_MAX_MS, everyMs: LOOK_MS };
      return waitUntil(`another pod than ${uid} to commit`, patience, async () => {
        const first = commits.findLast((each) => each.uid === uid)?.atMs ?? before;
        const next = commits.find((each) => each.uid !== uid && each.atMs > first);
        return next === undefined ? undefined : next.atMs - first;
      });
    },
    async [Symbol.asyncDispose]() {
      ending.abort();
      present?.replaced.abort();
      await Promise.all(running);
    },
  };
}
