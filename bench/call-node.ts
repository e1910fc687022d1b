import { connectCsi } from "../demo/lab/csi-clients.ts";

const CONCURRENT_CALLS = 16;

/** Sends read-only calls to a CSI socket, a few at a time, as the kubelet and its health checks do. */
async function callNode(socketPath: string, calls: number): Promise<void> {
  const { identity, node, close } = connectCsi(socketPath, new AbortController().signal);
  const kinds: readonly (() => Promise<unknown>)[] = [
    () => identity.probe({}),
    () => identity.getPluginInfo({}),
    () => identity.getPluginCapabilities({}),
    () => node.nodeGetCapabilities({}),
    () => node.nodeGetInfo({}),
  ];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < calls; index = next++) await kinds[index % kinds.length]?.();
  };
  await Promise.all(Array.from({ length: CONCURRENT_CALLS }, worker));
  close();
}

const [socketPath = "", calls = ""] = process.argv.slice(2);
await callNode(socketPath, Number(calls));
