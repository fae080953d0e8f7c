// Values as people read them: {bytes}, {seconds}, {clock}, {moment}, {share}, {decimal}, or a plain number or text.

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];

const FORMATS = {
  bytes(count, tag) {
    const step = Math.min(Math.floor(Math.log(Math.max(count, 1)) / Math.log(1000)), UNITS.length - 1);
    return unit(count / 1000 ** step, UNITS[step], tag, step > 1 ? 1 : 0);
  },
  seconds(length, tag) {
    if (length < 59.5) return unit(Math.max(1, Math.round(length)), "second", tag);
    if (length < 3570) return unit(Math.round(length / 60), "minute", tag);
    return unit(length / 3600, "hour", tag, 1);
  },
  clock(time) {
    const [hours, minutes] = [Math.floor(time / 3600), Math.floor((time % 3600) / 60)];
    const seconds = (Math.floor((time % 60) * 10) / 10).toFixed(1).padStart(4, "0");
    return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${seconds}` : `${minutes}:${seconds}`;
  },
  moment(unix, tag) {
    const date = new Date(unix * 1000);
    const today = date.toDateString() === new Date().toDateString();
    const day = today ? {} : { weekday: "short", day: "numeric", month: "short" };
    return date.toLocaleString(tag, { ...day, hour: "2-digit", minute: "2-digit" });
  },
  share(part, tag) {
    return part.toLocaleString(tag, { style: "percent" });
  },
  decimal(number, tag) {
    const digits = number && number < 1 ? 2 : 1;
    return number.toLocaleString(tag, { minimumFractionDigits: digits, maximumFractionDigits: digits });
  },
};

function unit(number, name, tag, digits = 0) {
  return number.toLocaleString(tag, {
    style: "unit", unit: name, unitDisplay: name === "byte" ? "long" : "short", maximumFractionDigits: digits,
  });
}

export function shown(value, tag) {
  if (typeof value === "number") return value.toLocaleString(tag);
  if (typeof value !== "object") return String(value);
  const [kind, of] = Object.entries(value)[0];
  return FORMATS[kind](of, tag);
}
