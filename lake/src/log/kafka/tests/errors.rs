//! Errors of the broker's, injected.

use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::mock::Mock;
use super::*;

/// Appends while requests of a kind fail in this way, and checks that each record is read once.
fn survives(request: RDKafkaApiKey, errors: &[RDKafkaRespErr]) {
    let mock = Mock::new();
    let log = mock.open();
    append_numbered(&log, RAW, 0..50);
    log.sync().unwrap();
    mock.cluster.request_errors(request, errors);
    append_numbered(&log, RAW, 50..500);
    append_numbered(&log, TRADE, 0..500);
    log.sync().unwrap();
    for at in [RAW, TRADE] {
        assert_eq!(check_numbered(&log, at), []);
        assert_eq!(log.durable_end(at).unwrap(), Offset(500));
    }
    mock.cluster.clear_request_errors(request);
    drop(log);
    assert_eq!(check_numbered(&mock.open(), RAW), []);
}

#[test]
fn errors_that_pass_are_outlasted() {
    use RDKafkaRespErr::{
        RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
    };
    survives(
        RDKafkaApiKey::Produce,
        &[
            RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
            RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
            RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
            RD_KAFKA_RESP_ERR__TRANSPORT,
            RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        ],
    );
}

#[test]
fn a_producer_that_the_broker_no_longer_knows_is_replaced() {
    use RDKafkaRespErr::{
        RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
    };
    survives(RDKafkaApiKey::Produce, &[RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER]);
    survives(RDKafkaApiKey::Produce, &[RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH]);
}

#[test]
fn a_record_that_the_broker_refuses_is_kept_and_sent_again() {
    use RDKafkaRespErr::{
        RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
    };
    survives(RDKafkaApiKey::Produce, &[RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE]);
    survives(RDKafkaApiKey::Produce, &[RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED; 2]);
}

#[test]
fn reads_outlast_errors_that_pass() {
    use RDKafkaRespErr::{RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION};
    let mock = Mock::new();
    let log = mock.open();
    append_numbered(&log, RAW, 0..500);
    log.sync().unwrap();
    mock.cluster.request_errors(
        RDKafkaApiKey::Fetch,
        &[RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION],
    );
    assert_eq!(check_numbered(&log, RAW), []);
}

#[test]
fn a_broker_that_does_not_answer_at_the_start_is_told() {
    let folder = tempfile::tempdir().unwrap();
    // A port that nobody listens at: it was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let options = options(&format!("127.0.0.1:{port}"), folder.path());
    let error = KafkaLog::open(&KafkaOptions { patience: Duration::from_secs(1), ..options }).unwrap_err();
    assert!(matches!(error, LogError::Broker { .. }), "{error}");
    assert!(error.to_string().contains(&format!("kafka://127.0.0.1:{port}")), "{error}");
}
