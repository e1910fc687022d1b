/**
 * Reads the digits of a code, the lowest first: each call takes the next one off, whose radix it names.
 * Codes are whole numbers from 0 below 2^53.
 */
export function digitsOf(code: number): (radix: number) => number {
  let rest = code;
  return (radix) => {
    const digit = rest % radix;
    rest = (rest - digit) / radix;
    return digit;
  };
}
