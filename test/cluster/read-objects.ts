import type { Lab } from "../../testbed/lab/lab.ts";

/** The path of the driver's own objects. */
export const DRIVER_OBJECTS = "/apis/disk.csi.azure.com/v1/namespaces/azure-disk-csi";

const FOUND = 200;
const NOT_FOUND = 404;

/**
 * The objects of a collection, given by its path. For waits: each kubectl is a process of its own, and
 * takes many times the processor time of a request. Throws if the API server refuses.
 */
export async function listObjects<T>(lab: Lab, path: string): Promise<readonly T[]> {
  const { code, body } = await lab.request({ url: path });
  if (code !== FOUND) throw new Error(`GET ${path}: ${code} ${JSON.stringify(body)}`);
  return (body as { readonly items: readonly T[] }).items;
}

/** The object at a path. Throws if there is none, or the API server refuses. */
export async function readObject<T>(lab: Lab, path: string): Promise<T> {
  const found = await findObject<T>(lab, path);
  if (found === undefined) throw new Error(`GET ${path}: ${NOT_FOUND}`);
  return found;
}

/** The object at a path; `undefined` if there is none. Throws if the API server refuses. */
export async function findObject<T>(lab: Lab, path: string): Promise<T | undefined> {
  const { code, body } = await lab.request({ url: path });
  if (code === NOT_FOUND) return undefined;
  if (code !== FOUND) throw new Error(`GET ${path}: ${code} ${JSON.stringify(body)}`);
  return body as T;
}
