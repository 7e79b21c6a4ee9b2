/** Colours for amounts: from the ground, through blue and teal, to nearly white; in the light theme the other way. */

type Stop = readonly [number, number, number];

const DARK: Stop[] = [[12, 18, 28], [27, 29, 58], [46, 47, 99], [49, 84, 138], [53, 122, 155], [70, 160, 164], [120, 199, 172], [222, 245, 229]];
const LIGHT: Stop[] = [[250, 249, 244], [214, 236, 226], [152, 206, 187], [92, 170, 172], [62, 130, 160], [53, 88, 142], [48, 50, 104], [22, 20, 44]];

/** 256 colours as the words of an ImageData on a little-endian machine. */
export function colourMap(dark: boolean): Uint32Array {
  const stops = dark ? DARK : LIGHT;
  const map = new Uint32Array(256);
  for (let index = 0; index < 256; index += 1) {
    const place = (index / 255) * (stops.length - 1);
    const low = stops[Math.floor(place)] as Stop;
    const high = stops[Math.min(stops.length - 1, Math.floor(place) + 1)] as Stop;
    const share = place - Math.floor(place);
    const mix = (channel: 0 | 1 | 2) => Math.round(low[channel] + (high[channel] - low[channel]) * share);
    map[index] = ((255 << 24) | (mix(2) << 16) | (mix(1) << 8) | mix(0)) >>> 0;
  }
  return map;
}
