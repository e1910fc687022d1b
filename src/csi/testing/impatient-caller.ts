import { once } from "node:events";
import { parentPort, workerData } from "node:worker_threads";
import { credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { systemClock } from "../../adapters/system/system-clock.ts";
import { invariant } from "../../core/invariant.ts";
import { ControllerClient, DeleteVolumeRequest } from "../gen/csi/v1/csi.ts";

/** What a thread is given that calls DeleteVolume twice: with all the time there is, and, told to go on, with a deadline that passes while its server stands still. */
export interface ImpatientCaller {
  readonly socket: string;
  /** One Int32; the server's thread sleeps on it until the second call has ended for its caller. */
  readonly over: SharedArrayBuffer;
}

const DEADLINE_MS = 100;
const { socket, over } = workerData as ImpatientCaller;
const client = new ControllerClient(`unix:${socket}`, credentials.createInsecure());

function call(volumeId: string, deadline: number): Promise<ServiceError | null> {
  return new Promise((resolve) => {
    client.deleteVolume(DeleteVolumeRequest.fromPartial({ volumeId }), new Metadata(), { deadline }, resolve);
  });
}

invariant((await call("patient", Number.POSITIVE_INFINITY)) === null, "the first call failed");
invariant(parentPort !== null, "not a thread of its own");
const goAhead = once(parentPort, "message");
parentPort.postMessage("connected");
await goAhead;
await call("impatient", systemClock.nowMs() + DEADLINE_MS);
Atomics.store(new Int32Array(over), 0, 1);
Atomics.notify(new Int32Array(over), 0);
