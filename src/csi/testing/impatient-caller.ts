import { once } from "node:events";
import { constants } from "node:http2";
import { parentPort, workerData } from "node:worker_threads";
import { invariant } from "../../core/failure/invariant.ts";
import { connectRaw, sendDeleteVolume } from "./raw-calls.ts";

/**
 * The data of a thread that calls DeleteVolume twice. It waits for the first answer and, once resumed,
 * gives up on the second call while its server is paused.
 */
export interface ImpatientCaller {
  readonly socket: string;
  /**
   * One Int32; the server's thread sleeps on it until the second call and its cancellation have been
   * sent.
   */
  readonly sentFlag: SharedArrayBuffer;
}

const { socket, sentFlag } = workerData as ImpatientCaller;
const session = connectRaw(socket);

await once(await sendDeleteVolume(session, "patient"), "end");
invariant(parentPort !== null, "not a thread of its own");
const goAhead = once(parentPort, "message");
parentPort.postMessage("connected");
await goAhead;
const call = await sendDeleteVolume(session, "impatient");
call.close(constants.NGHTTP2_CANCEL);
// Closing covers what has been put into the connection's buffer, which is written before the event loop
// turns.
await once(call, "close");
await new Promise(setImmediate);
Atomics.store(new Int32Array(sentFlag), 0, 1);
Atomics.notify(new Int32Array(sentFlag), 0);
