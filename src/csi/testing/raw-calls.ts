import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type OutgoingHttpHeaders,
} from "node:http2";
import { connect as connectSocket } from "node:net";
import { ControllerService } from "../gen/csi/v1/csi.ts";

/**
 * A connection to a gRPC server's socket, for calls without a deadline of their own: on a busy machine
 * gRPC's own client may give up before its call has arrived.
 */
export function connectRaw(socket: string): ClientHttp2Session {
  return connect("http://localhost", { createConnection: () => connectSocket(socket) });
}

/** Sends DeleteVolume; resolves with the call once all of it is sent. */
export async function sendDeleteVolume(
  session: ClientHttp2Session,
  volumeId: string,
  headers: OutgoingHttpHeaders = {},
): Promise<ClientHttp2Stream> {
  const { path, requestSerialize } = ControllerService.deleteVolume;
  const call = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
    ...headers,
  });
  const message = requestSerialize({ volumeId, secrets: {} });
  // Not compressed, and the message's length.
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  call.resume();
  await new Promise<void>((resolve) => call.end(Buffer.concat([prefix, message]), resolve));
  return call;
}
