import { openEmbeddedStore } from "../../adapters/embedded/embedded-store.ts";
import { serveEmbeddedStore } from "../../adapters/embedded/serve-embedded-store.ts";
import { grouped } from "../../cli/options.ts";
import { removeStaleSocket } from "../../csi/server/socket-path.ts";
import { processOptions } from "../settings/process-options.ts";
import { untilAborted } from "../until-aborted.ts";
import type { Role } from "./run-role.ts";

const options = {
  ...grouped("Store", {
    file: { kind: "text", required: true, help: "The store's file; made if it is not there" },
    socket: { kind: "text", required: true, help: "Unix socket that other roles reach the store by" },
  }),
  ...processOptions,
} as const;

/** The embedded object store as a process of its own, in place of Kubernetes' API server. */
export const storeRole: Role<typeof options> = {
  name: "store",
  usage:
    "azuredisk-csi-driver store --file <file> --socket <socket>\n\n" +
    "Serves the embedded object store to the other roles on this machine.",
  options,
  start: async (values, { clock, random, logger, lifetime }) => {
    // Roles that are connected would keep the earlier store, and all others would come to this one.
    const removed = await removeStaleSocket(values.socket);
    if (!removed.ok) throw new Error(`--socket: ${removed.failure.detail}`);
    const store = openEmbeddedStore({ file: values.file, clock, random });
    const server = await serveEmbeddedStore({ store, socketPath: values.socket, logger });
    return {
      serves: { socket: values.socket },
      whyNotReady: () => undefined,
      work: untilAborted(lifetime),
      drain: () => Promise.resolve(),
      close: async () => {
        await server.close();
        store.close();
      },
    };
  },
};
