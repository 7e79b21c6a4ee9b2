//! Whether all is well, as far as the board and the tables tell.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use depthlake_engine::clock;
use depthlake_lake::commit::Lake;

use super::schema::{HealthAnswer, ProblemAnswer};
use super::state::ApiState;
use super::{TAG_OPERATION, answer};
use crate::json_text::JsonText;
use crate::live::Market;
