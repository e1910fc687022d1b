import { fail, ok } from "../../core/failure/result.ts";
import type { ArmAnswer, NextPage } from "../../provisioner/arm/arm-api.ts";
import { ownError } from "../../provisioner/arm/arm-error.ts";
import { readPage } from "./read-resources.ts";
import { readSent, type SentAnswer, valueFrom } from "./wire-answer.ts";

/** Limit for the answers of one list, so that an endless list is noticed. */
const PAGES_MAX = 1000;

/**
 * Reads a list from its first page on. `get` sends the request for the page at a `nextLink`. Where a later
 * page fails, `nextPage` decides whether that page is read again.
 */
export async function readPages<T>(
  first: SentAnswer,
  list: {
    readonly clientRequestId: string;
    readonly nextPage: NextPage | undefined;
    readonly get: (nextLink: string) => Promise<SentAnswer>;
    readonly readItem: (item: unknown) => T;
  },
): Promise<ArmAnswer<readonly T[]>> {
  const items: T[] = [];
  let answer = first;
  let nextLink: string | undefined;
  for (let pages = 1; pages <= PAGES_MAX; pages++) {
    const { result, remaining } = readSent(answer, (wire) =>
      valueFrom(wire, (body) => readPage(body, list.readItem)),
    );
    if (result.ok) {
      items.push(...result.value.items);
      ({ nextLink } = result.value);
      if (nextLink === undefined) return { result: ok(items), remaining };
    } else if (nextLink === undefined || list.nextPage === undefined) return { result, remaining };
    const admitted = await list.nextPage?.(result.ok ? undefined : { result, remaining });
    if (admitted?.ok === false) return { result: admitted, remaining };
    answer = await list.get(nextLink);
  }
  const problem = `a list has more than ${PAGES_MAX} pages`;
  return { result: fail(ownError("TooManyPages", problem, list.clientRequestId)), remaining: [] };
}
