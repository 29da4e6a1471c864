//! The true power: `power` of a device.

use crate::json::{Object, Range};
use crate::signal::{Segment, Shape, Signal};

pub fn read_power(mut power: Object) -> Signal {
    let segments = match power.children("segments") {
        Some(children) => children.into_iter().map(read_segment).collect(),
        None => built_in_segments(),
    };
    let repeat = power.flag("repeat", true);
    if segments.is_empty() {
        power.refuse("segments", "must have at least one segment");
    }
    power.finish();
    Signal::new(if segments.is_empty() { built_in_segments() } else { segments }, repeat)
}

/// One of each shape: idle, a rise, a decode-like ripple, bursts.
fn built_in_segments() -> Vec<Segment> {
    vec![
        // Longer than the shortest baseline, so that one measured at once is idle to its end.
        Segment { for_s: 7.0, shape: Shape::Constant { w: 75.0 } },
        Segment { for_s: 0.5, shape: Shape::Ramp { from_w: 75.0, to_w: 600.0 } },
        // Periods that do not divide the sensor's 100 ms: a load in step with it shows polling nothing but the same part.
        Segment { for_s: 10.0, shape: Shape::Sine { mean_w: 500.0, amplitude_w: 150.0, period_s: 0.07 } },
        Segment {
            for_s: 10.0,
            shape: Shape::Square { low_w: 100.0, high_w: 650.0, period_s: 0.13, duty: 0.5 },
        },
    ]
}

fn read_segment(mut segment: Object) -> Segment {
    let for_s = segment.number("for_s", None, Range::Positive);
    let is_ramp = segment.has("from_w") | segment.has("to_w");
    let kinds = [segment.has("w"), is_ramp, segment.has("sine"), segment.has("square")];
    if kinds.iter().filter(|present| **present).count() != 1 {
        segment.refuse_whole("must have exactly one of w, from_w with to_w, sine, square");
        segment.finish();
        return Segment { for_s, shape: Shape::Constant { w: 0.0 } };
    }
    let shape = match kinds {
        [true, ..] => Shape::Constant { w: segment.number("w", None, Range::NonNegative) },
        [_, true, ..] => Shape::Ramp {
            from_w: segment.number("from_w", None, Range::NonNegative),
            to_w: segment.number("to_w", None, Range::NonNegative),
        },
        [_, _, true, _] => read_sine(segment.child("sine")),
        _ => read_square(segment.child("square")),
    };
    segment.finish();
    Segment { for_s, shape }
}

fn read_sine(mut sine: Object) -> Shape {
    let mean_w = sine.number("mean_w", None, Range::NonNegative);
    let amplitude_w = sine.number("amplitude_w", None, Range::NonNegative);
    if amplitude_w > mean_w {
        sine.refuse("amplitude_w", "must not be more than mean_w: power is never negative");
    }
    let period_s = sine.number("period_s", None, Range::Positive);
    sine.finish();
    Shape::Sine { mean_w, amplitude_w, period_s }
}

fn read_square(mut square: Object) -> Shape {
    let shape = Shape::Square {
        low_w: square.number("low_w", None, Range::NonNegative),
        high_w: square.number("high_w", None, Range::NonNegative),
        period_s: square.number("period_s", None, Range::Positive),
        duty: square.number("duty", 0.5, Range::Between(0.0, 1.0)),
    };
    square.finish();
    shape
}
